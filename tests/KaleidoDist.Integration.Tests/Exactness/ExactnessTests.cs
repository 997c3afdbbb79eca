using System.Text.Json;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>The promise of the project: what a job computes does not depend on how many ranks computed it.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class ExactnessTests(CalmRun calm)
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task AnyNumberOfRanksComputesTheSameWeightsLossesAndValidation(int ranks)
    {
        using var run = new MicroRun();
        await run.TrainToEnd(exitCode: 0, "--workers", $"{ranks}");
        calm.AssertSameAs(run);
        Assert.All(run.History.Steps, step => Assert.Equal(ranks, step.WorldSize));
    }

    [Fact]
    public async Task TwoRanksStoppedHalfwayAndGoneOnWithAsThreeComputeTheSameWeights()
    {
        using var run = new MicroRun();
        await run.TrainToEnd(exitCode: 75, "--workers", "2", "--stop-after", "15");
        Assert.Equal((15L, 2), (run.Newest.Step, run.Newest.WorldSize));

        await run.TrainToEnd(exitCode: 0, "--workers", "3");
        calm.AssertSameAs(run);
        Assert.Equal([.. Enumerable.Repeat(2, 15), .. Enumerable.Repeat(3, 15)], run.History.Steps.Select(step => step.WorldSize));
    }

    [Fact]
    public async Task AnotherSeedComputesOtherWeightsAndLosses()
    {
        using var run = new MicroRun();
        await run.TrainToEnd(exitCode: 0, "--workers", "2", "--set", "seed=43");
        Assert.All(run.History.Steps.Zip(calm.Run.History.Steps), steps => Assert.NotEqual(steps.Second.TotalLoss, steps.First.TotalLoss));
        Assert.NotEqual(calm.WeightsHash, run.Newest.WeightsXxh128);
    }

    [Fact]
    public async Task CheckpointShowPrintsTheHashOfTheWeights()
    {
        var (exitCode, output, _) = await KaleidoProcess.RunAsync("checkpoint", "show", calm.Run.Folder, "--json");
        Assert.Equal(0, exitCode);
        using var shown = JsonDocument.Parse(string.Join('\n', output));
        var checkpoint = shown.RootElement;
        Assert.Equal(calm.WeightsHash, checkpoint.GetProperty("weights_xxh128").GetString());
        Assert.Equal(
            (30, 30 * 16, 2),
            (checkpoint.GetProperty("step").GetInt32(), checkpoint.GetProperty("samples").GetInt32(), checkpoint.GetProperty("world_size").GetInt32()));
    }
}
