using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Somebody who prunes, again and again, the run of a living coordinator.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class PruneBesideTests(CalmRun calm)
{
    [Fact]
    public async Task PruningBesideARunningJobChangesNothingOfWhatItComesTo()
    {
        using var run = new MicroRun();
        await run.TrainToEnd(exitCode: 75, "--workers", "2", "--set", "checkpoint.every=2", "--set", "checkpoint.keep.last=6", "--stop-after", "12");
        var oldest = run.Checkpoints[0];

        // Back to the oldest, which no rule of somebody else's keeps; the job itself keeps three.
        await using var train = run.Train("--workers", "2", "--set", "checkpoint.every=2", "--set", "checkpoint.keep.last=3", "--resume", $"{oldest.Seq}");
        await train.Line("the choice of the oldest", "KD-R101 going on from step");
        await using var verb = KaleidoProcess.Start("checkpoint", "prune", run.Folder, "--last", "2");
        var removed = await PruneUntilItEnds(train, run.Folder);

        Assert.Equal(0, await train.Exit("the training that somebody prunes beside"));
        Assert.Equal(0, await verb.Exit("the command that prunes"));
        Assert.NotEmpty(removed);
        calm.AssertSameAs(run);
        Assert.True(new RunCheck(run.Folder).Check(run.History).IsSound);
        Assert.DoesNotContain(train.Output.Concat(train.Errors), CheckpointWarnings.IsIn);
        var log = File.ReadAllText(Path.Combine(run.Folder, "coordinator", "kaleido.log"));
        Assert.DoesNotContain("could not be removed", log, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<long>> PruneUntilItEnds(KaleidoProcess train, string folder)
    {
        var removed = new List<long>();
        var catalog = new CheckpointCatalog(folder, TimeProvider.System);
        while (!train.HasExited)
        {
            removed.AddRange(catalog.Prune(new RetentionPolicy(2)).RemovedSeqs);
            await Task.Yield();
        }

        return removed;
    }
}
