using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>A run that goes back to a checkpoint of its past, and another that begins with one.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class ChosenCheckpointTests(CalmRun calm)
{
    [Fact]
    public async Task ARunThatGoesBackToAnOlderCheckpointAndAForkOfItEndWithTheSameWeightsBitForBit()
    {
        using var run = new MicroRun();
        string[] every10 = ["--workers", "1", "--set", "checkpoint.every=10"];
        await run.TrainToEnd(exitCode: 75, [.. every10, "--stop-after", "22"]);
        Assert.Equal([10L, 20L, 22L], run.Checkpoints.Select(checkpoint => checkpoint.Step));

        var said = await run.TrainToEnd(exitCode: 0, [.. every10, "--resume", "1"]);

        Assert.Contains(said, line => line.Contains("KD-R101 going on from step 10 (checkpoint 1); 12 steps will be repeated", StringComparison.Ordinal));
        var fork = run.Checkpoints.First(checkpoint => checkpoint.Seq > 3);
        Assert.Equal((4, 1), (fork.Seq, fork.ParentSeq));
        Assert.Equal([2L, 3L], fork.Supersedes);
        calm.AssertSameAs(run);
        Assert.True(new RunCheck(run.Folder).Check(run.History).IsSound);

        using var other = new MicroRun();
        await other.TrainToEnd(exitCode: 0, [.. every10, "--fork-from", $"{run.Folder}@1"]);

        Assert.Equal(calm.WeightsHash, other.Newest.WeightsXxh128);
        Assert.Equal((run.Folder, 1), (other.Checkpoints[0].ForkedFrom!.Run, other.Checkpoints[0].ForkedFrom!.Seq));
    }
}
