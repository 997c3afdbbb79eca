using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>A run whose newest checkpoint lost a bit on its disk.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class DamagedCheckpointTests(CalmRun calm)
{
    [Fact]
    public async Task AFlippedByteInTheWeightsOrTheManifestCostsTheStepsSinceThePreviousCheckpointAndIsSaid()
    {
        using var run = new MicroRun();
        string[] every10 = ["--workers", "2", "--set", "checkpoint.every=10"];
        await run.TrainToEnd(exitCode: 75, [.. every10, "--stop-after", "13"]);
        Assert.Equal([10L, 13L], run.Checkpoints.Select(checkpoint => checkpoint.Step));

        var newest = run.Newest;
        var weights = newest.Files.First(file => file.Name.StartsWith("model", StringComparison.Ordinal));
        FlipByte(Path.Combine(new CheckpointPaths(run.Folder).DataFolder(newest.Generation, newest.Step, newest.Attempt), weights.Name), weights.Bytes / 2);
        var said = await run.TrainToEnd(exitCode: 75, [.. every10, "--stop-after", "24"]);
        AssertSaid(said, "KD-S110 Checkpoint 2 is damaged (model-");
        AssertSaid(said, "KD-R101 going on from step 10 (checkpoint 1); 3 steps will be repeated");
        Assert.Equal([10L, 20L, 24L], run.Checkpoints.Select(checkpoint => checkpoint.Step));

        var manifest = new CheckpointPaths(run.Folder).Manifest(run.Newest.Seq);
        FlipByte(manifest, new FileInfo(manifest).Length / 2);
        said = await run.TrainToEnd(exitCode: 0, every10);
        AssertSaid(said, "KD-S110 Checkpoint 4 is damaged (000000000004.json");
        AssertSaid(said, "KD-R101 going on from step 20 (checkpoint 3); 4 steps will be repeated");
        calm.AssertSameAs(run);
    }

    private static void AssertSaid(IReadOnlyList<string> lines, string text)
        => Assert.Contains(lines, line => line.Contains($" {text}", StringComparison.Ordinal) && !line.Contains("KD-S110 KD-S110", StringComparison.Ordinal));

    private static void FlipByte(string path, long offset)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }
}
