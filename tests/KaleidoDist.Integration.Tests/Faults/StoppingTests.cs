using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Stopping <c>kaleido train</c> on purpose, and going on.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class StoppingTests(CalmRun calm)
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task InterruptAndTerminateStopWithACheckpointAtAStepBorderAndTheSameCommandGoesOn()
    {
        using var run = new MicroRun();
        foreach (var (signal, step) in new[] { (ProcessSignal.Interrupt, 3), (ProcessSignal.Terminate, 12) })
        {
            await using var train = run.Train("--workers", "2");
            await run.Reaches(step, train);
            train.Signal(signal);
            await train.Exit($"after {signal}", expected: 75);
            Assert.Contains(train.Output, line => line.Contains("The same command goes on from there", StringComparison.Ordinal));
            Assert.Equal(CheckpointKind.Preempt, run.Newest.Kind);
            Assert.InRange(run.Newest.Step, step, MicroJob.Steps - 1);
            Assert.Equal(run.Newest.Step, run.History.Steps[^1].Step);
        }

        await run.TrainToEnd(exitCode: 0, "--workers", "2");
        calm.AssertSameAs(run);
    }

    [Fact]
    public async Task AFinishedRunSaysSoAndExitsWithoutTraining()
    {
        var before = calm.Run.Checkpoints.Count;
        await using var again = calm.Run.Train("--workers", "2");
        await again.Exit("a finished run", expected: 0);
        Assert.Contains(again.Output, line => line.Contains("all 30 steps are done", StringComparison.Ordinal));
        Assert.Contains(again.Output, line => line.StartsWith("Finished: 30 steps", StringComparison.Ordinal));
        Assert.Equal(before, calm.Run.Checkpoints.Count);
        Assert.Equal(calm.Story, calm.Run.Story());
    }

    [Fact]
    public async Task ASecondInterruptEndsAtOnceThoughItsRanksHang()
    {
        using var run = new MicroRun();
        await using var train = run.Train("--workers", "2", "--set", "workers.hang_timeout=10m");
        await run.Reaches(2, train);
        var ranks = train.Children;
        Assert.Equal(2, ranks.Count);
        foreach (var rank in ranks)
            ProcessControl.TrySignal(rank, ProcessSignal.Stop);

        train.Signal(ProcessSignal.Interrupt);
        await train.Line("the first interrupt", "Stopping after this step");
        train.Signal(ProcessSignal.Interrupt);
        Assert.Equal(130, await train.Exit("the second interrupt", AtOnce));
        Assert.Contains(train.Errors, line => line.StartsWith("Interrupted twice", StringComparison.Ordinal));
        Assert.All(ranks, rank => Assert.False(ProcessTable.IsAlive(rank)));
    }

    [Fact]
    public async Task FreshRefusesTheFolderOfARunAndStartsOverInANewOne()
    {
        var (exitCode, _, errors) = await KaleidoProcess.RunAsync(["train", .. calm.Run.Job(), "--fresh"]);
        Assert.Equal(2, exitCode);
        Assert.Contains("is not empty (1 checkpoints)", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Equal(calm.WeightsHash, calm.Run.Newest.WeightsXxh128);

        using var other = new MicroRun();
        await using var fresh = calm.Run.Train("--workers", "1", "--fresh", other.Folder, "--stop-after", "1");
        await fresh.Exit("starting over", expected: 75);
        Assert.Equal(1, other.Newest.Step);
        Assert.Equal(calm.Story[0], other.Story()[0]);
    }
}
