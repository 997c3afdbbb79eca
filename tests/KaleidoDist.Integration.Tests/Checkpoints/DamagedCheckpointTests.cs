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
        var weights = newest.Files.Single(file => file.Name.StartsWith("model", StringComparison.Ordinal));
        FlipByte(Path.Combine(new CheckpointPaths(run.Folder).DataFolder(newest.Generation, newest.Step, newest.Attempt), weights.Name), weights.Bytes / 2);
        var said = await run.TrainToEnd(exitCode: 75, [.. every10, "--stop-after", "24"]);
        Assert.Contains(said, line => line.Contains("checkpoint 2", StringComparison.OrdinalIgnoreCase) && line.Contains("3 steps", StringComparison.Ordinal));
        Assert.Equal([10L, 20L, 24L], run.Checkpoints.Select(checkpoint => checkpoint.Step));

        var manifest = new CheckpointPaths(run.Folder).Manifest(run.Newest.Seq);
        FlipByte(manifest, new FileInfo(manifest).Length / 2);
        said = await run.TrainToEnd(exitCode: 0, every10);
        Assert.Contains(said, line => line.Contains("checkpoint 4", StringComparison.OrdinalIgnoreCase) && line.Contains("4 steps", StringComparison.Ordinal));
        calm.AssertSameAs(run);
    }

    private static void FlipByte(string path, long offset)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }
}
