using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using TorchSharp;

namespace KaleidoDist.Training.Tests;

/// <summary>The training loop on one rank.</summary>
public sealed class TrainerTests
{
    [Fact]
    public void ATrainingReportsEveryStepEvaluatesSavesAndCompletes()
    {
        using var training = new MicroTraining("training.steps=6", "evaluation.every=4", "checkpoint.every=3");
        var port = new RecordingPort { OnPropose = training.Commit };
        Assert.Equal(TrainingEnd.Completed, training.Train(port).End);
        Assert.Equal([1L, 2L, 3L, 4L, 5L, 6L], port.Steps.Select(step => step.Step));
        Assert.Equal([0L, 4L, 6L], port.Validations.Select(validation => validation.Step));
        Assert.Equal([(3L, "periodic"), (6L, "final")], port.Proposals.Select(proposal => (proposal.Step, proposal.Kind)));
        Assert.Equal(port.Validations[^1].Metrics[0].Value, port.Proposals[^1].Metrics["validation.mlm.loss"]);
        Assert.Empty(port.Warnings);

        var history = RunHistory.Read(training.Folder);
        Assert.Equal(port.Steps.Select(step => step.TotalLoss), history.Steps.Select(step => step.TotalLoss));
        Assert.Equal([0L, 4L, 6L], history.Validations.Select(validation => validation.Step));
    }

    [Fact]
    public void AnEvaluationThatIsTheBestSoFarIsSaved()
    {
        // At this rate the token loss is lower after four steps than before the first.
        using var training = new MicroTraining("training.steps=7", "evaluation.every=4", "checkpoint.keep.best={ metric: validation.mlm.loss, count: 1 }");
        var port = new RecordingPort { OnPropose = training.Commit };
        training.Train(port);
        Assert.Equal([4L, 7L], port.Proposals.Select(proposal => proposal.Step));
        Assert.Equal(
            port.Validations.Skip(1).Select(validation => validation.Metrics.Single(metric => metric is { Task: "mlm", Metric: "loss" }).Value),
            port.Proposals.Select(proposal => proposal.Metrics["validation.mlm.loss"]));
    }

    [Fact]
    public void ACheckpointHasNoValueThatWasMeasuredAtAnotherStep()
    {
        using var training = new MicroTraining("training.steps=7", "evaluation.every=4", "checkpoint.every=5");
        var port = new RecordingPort { OnPropose = training.Commit };
        training.Train(port);
        Assert.Equal([(5L, false), (7L, true)], port.Proposals.Select(proposal => (proposal.Step, proposal.Metrics.Count > 0)));
    }

    [Fact]
    public void AResumedTrainingComesToTheSameWeightsAndMoments()
    {
        using MicroTraining calm = new("training.steps=6"), broken = new("training.steps=6");
        var (_, expected) = calm.Train(new RecordingPort { OnPropose = calm.Commit });

        var setup = broken.Setup;
        broken.Setup = setup with { StopAfterStep = 4 };
        var first = new RecordingPort { OnPropose = broken.Commit };
        Assert.Equal(TrainingEnd.Stopped, broken.Train(first).End);
        Assert.Equal((4L, "preempt"), (first.Proposals.Single().Step, first.Proposals.Single().Kind));

        broken.Setup = setup with { ResumeSeq = 1 };
        var second = new RecordingPort { OnPropose = broken.Commit };
        Assert.Equal((TrainingEnd.Completed, expected), broken.Train(second));
        Assert.Equal([5L, 6L], second.Steps.Select(step => step.Step));
        Assert.Equal(Enumerable.Range(1, 6).Select(step => (long)step), RunHistory.Read(broken.Folder).Steps.Select(step => step.Step));
    }

    [Fact]
    public void ACheckpointIsLeftOutWhileNobodyKnowsWhatBecameOfTheOneBefore()
    {
        using var training = new MicroTraining("training.steps=6", "checkpoint.every=1");
        var port = new RecordingPort { OnPropose = proposal => proposal.Kind == "final" ? training.Commit(proposal) : null };
        Assert.Equal(TrainingEnd.Completed, training.Train(port).End);
        Assert.Equal([(1L, "periodic"), (6L, "final")], port.Proposals.Select(proposal => (proposal.Step, proposal.Kind)));
    }

    [Fact]
    public void ATrainingThatStartsOverWritesItsJournalAnew()
    {
        using var training = new MicroTraining("training.steps=2");
        training.Train(new RecordingPort { OnPropose = training.Commit });
        var once = File.ReadAllLines(Path.Combine(training.Folder, RunJournal.FileName)).Length;
        training.Train(new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Committed = true } });
        Assert.Equal(4, once);
        Assert.Equal(once, File.ReadAllLines(Path.Combine(training.Folder, RunJournal.FileName)).Length);
    }

    [Fact]
    public void ARequestToStopEndsTheLoopAfterTheStepThatCarriesIt()
    {
        using var training = new MicroTraining();
        RecordingPort port = null!;
        port = new RecordingPort { OnPropose = training.Commit, OnStep = step => port.StopRequested = step == 3 };
        Assert.Equal(TrainingEnd.Stopped, training.Train(port).End);
        Assert.Equal(4, port.Steps.Count);
        Assert.Equal((4L, "preempt"), (port.Proposals.Single().Step, port.Proposals.Single().Kind));
    }

    [Fact]
    public void AStepWithoutAFiniteGradientChangesNothingAndTrainingGoesOn()
    {
        using var training = new MicroTraining("training.steps=12");
        var port = new RecordingPort { OnPropose = training.Commit };
        var (end, _) = training.Train(port, inner => new PoisonedCollective(inner, step => step is >= 2 and <= 10));
        Assert.Equal(TrainingEnd.Completed, end);
        Assert.Equal(Enumerable.Repeat("KD-T101", 9), port.Warnings.Select(warning => warning.Code));
        Assert.Equal(12, port.Steps.Count);
        Assert.Equal([2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L], port.Steps.Where(step => !double.IsFinite(step.GradientNorm)).Select(step => step.Step));
    }

    [Fact]
    public void TenStepsInARowWithoutAFiniteGradientFailTheJob()
    {
        using var training = new MicroTraining("training.steps=20");
        using var state = ReplicaState.Create(training.Setup);
        var before = state.ReplicaHash();
        using var collective = new PoisonedCollective(training.Alone(), _ => true);
        var port = new RecordingPort();
        using var trainer = new Trainer(training.Setup, state, collective, port, TimeProvider.System);
        var error = Assert.Throws<KaleidoException>(() => trainer.Run());
        Assert.Equal(ExitCode.Usage, error.ExitCode); // not worth a restart
        Assert.StartsWith("The gradients of 10 steps in a row, up to step 10, are not finite", error.Message, StringComparison.Ordinal);
        Assert.Equal((before, 0L), (state.ReplicaHash(), state.Optimizer.StepCount));
    }

    [Fact]
    public void ThreeHundredStepsHoldTensorsAndMemoryFlat()
    {
        // The allocators of libtorch and .NET wander by some MB; 48 MB are a quarter MB a step, less than a leaf's activations.
        const long Settled = 100, Last = 300, AllowedGrowthBytes = 48 << 20;
        using var training = new MicroTraining("training.steps=300", "training.virtual_ranks=2", "training.global_batch_size=4", "workers.max=1");
        // 250 rows: the caches of the data side are full before the first measurement.
        training.Setup = training.Setup with { Train = training.Setup.Validation!, Validation = null };
        // What earlier tests left to the finalizer is not this training's.
        CollectGarbage();
        var measured = new Dictionary<long, (long Tensors, long ResidentBytes)>();
        var port = new RecordingPort
        {
            OnPropose = training.Commit,
            OnStep = step =>
            {
                if (step is not (Settled or Last))
                    return;
                var tensors = torch.Tensor.TotalCount;
                CollectGarbage();
                measured[step] = (tensors, ResidentBytes());
            },
        };
        training.Train(port);
        Assert.Equal(measured[Settled].Tensors, measured[Last].Tensors);
        Assert.InRange(measured[Last].ResidentBytes - measured[Settled].ResidentBytes, long.MinValue, AllowedGrowthBytes);
    }

    private static void CollectGarbage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static long ResidentBytes() => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;
}
