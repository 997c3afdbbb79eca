using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Processes of <c>kaleido train</c> that are killed without a word.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class KilledProcessTests(CalmRun calm)
{
    private static readonly TimeSpan OrphanLimit = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task KilledRanksAreReplacedAndTheirReplacementsTakeTheSurvivorsState()
    {
        using var run = new MicroRun();
        await using var train = run.Train("--workers", "2");
        foreach (var generation in new[] { 1, 2 })
        {
            await train.While($"a step of generation {generation}", () => run.History.Steps is [.., var last] && last.Generation == generation ? last : null);
            ProcessControl.TrySignal(train.Children[0], ProcessSignal.Kill);
        }

        await train.Exit("training on after the kills", expected: 0);
        calm.AssertSameAs(run);
        Assert.Equal([1L, 2L, 3L], run.History.Steps.Select(step => step.Generation).Distinct());
        Assert.Equal(3, Assert.Single(run.Checkpoints).Generation);
        Assert.Contains(train.Output, line => line.Contains("KD-W101", StringComparison.Ordinal) && line.Contains("SIGKILL", StringComparison.Ordinal));
        Assert.DoesNotContain(train.Output, line => line.Contains("KD-R101", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WhenAllRanksAreLostTheJobGoesBackToItsNewestCheckpoint()
    {
        using var run = new MicroRun();
        await using var train = run.Train("--workers", "2", "--set", "checkpoint.every=5");
        await train.While("a checkpoint", () => run.Checkpoints is [var first, ..] ? first : null);
        foreach (var rank in train.Children)
            ProcessControl.TrySignal(rank, ProcessSignal.Kill);
        await train.Exit("training on after the kills", expected: 0);
        calm.AssertSameAs(run);
        Assert.Contains(train.Output, line => line.Contains("KD-R101 going on from step", StringComparison.Ordinal));
    }

    [Fact]
    public async Task RanksDieWithTheirAgentAndTheSameCommandFinishesTheRun()
    {
        using var run = new MicroRun();
        await using (var train = run.Train("--workers", "2", "--set", "checkpoint.every=5"))
        {
            await train.While("the first checkpoint", () => run.Checkpoints is [var first, ..] ? first : null);
            var ranks = train.Children;
            Assert.Equal(2, ranks.Count);
            train.Signal(ProcessSignal.Kill);
            Assert.Equal(137, await train.Exit("SIGKILL"));
            await Eventually.Holds("both ranks gone", () => !ranks.Any(ProcessTable.IsAlive), () => $"of {string.Join(", ", ranks)} still alive: {string.Join(", ", ranks.Where(ProcessTable.IsAlive))}", OrphanLimit);
        }

        Assert.True(run.History.Steps[^1].Step < MicroJob.Steps);
        await run.TrainToEnd(exitCode: 0, "--workers", "2", "--set", "checkpoint.every=5");
        calm.AssertSameAs(run);
    }
}
