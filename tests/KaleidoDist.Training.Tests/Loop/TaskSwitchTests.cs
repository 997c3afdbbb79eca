using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

/// <summary>Trainings with some tasks only, and with weights that follow the losses.</summary>
public sealed class TaskSwitchTests
{
    private static readonly string[] Small = ["training.steps=4", "training.virtual_ranks=4", "training.global_batch_size=8"];

    [Fact]
    public void ATaskThatIsOffLeavesItsHeadAloneAndIsNotReported()
    {
        string[] off = ["itm", "rotation", "grey"];
        using var training = new MicroTraining([.. Small, "training.optimizer.weight_decay=0.1", "training.loss_weighting=fixed", .. off.Select(task => $"training.tasks.{task}=0")]);
        var port = new RecordingPort { OnPropose = training.Commit };
        Dictionary<string, string> before, after;
        using (var state = ReplicaState.Create(training.Setup))
        {
            before = Hashes(state);
            using var collective = training.Alone();
            using var trainer = new Trainer(training.Setup, state, collective, port, TimeProvider.System);
            Assert.Equal(TrainingEnd.Completed, trainer.Run());
            after = Hashes(state);
        }

        string[] heads = ["bert.pooler.", "cls.seq_relationship.", "cls.rotation.", "cls.grey_to_color."];
        foreach (var (name, hash) in before)
        {
            var isOff = heads.Any(head => name.StartsWith(head, StringComparison.Ordinal));
            Assert.True(isOff == (hash == after[name]), $"{name} is {(isOff ? "off" : "on")} and {(hash == after[name] ? "the same" : "another")}");
        }

        string[] on = ["mlm", "jigsaw", "camouflage", "blank"];
        Assert.All(port.Steps, step => Assert.Equal(on, step.Tasks.Select(task => task.Task)));
        Assert.All(port.Steps, step => Assert.Equal(step.Tasks.Sum(task => task.Loss), step.TotalLoss));
        Assert.All(port.Validations, validation => Assert.Equal(on, validation.Metrics.Select(metric => metric.Task).Distinct()));
    }

    [Theory]
    [InlineData("mlm")]
    [InlineData("itm")]
    [InlineData("rotation")]
    [InlineData("jigsaw")]
    [InlineData("camouflage")]
    [InlineData("grey")]
    [InlineData("blank")]
    public void EveryTaskCanBeTrainedAlone(string task)
    {
        using var training = new MicroTraining(["training.steps=2", "training.virtual_ranks=2", "training.global_batch_size=4", .. PretrainTasks.Names.Select(name => $"training.tasks.{name}={(name == task ? 2 : 0)}")]);
        training.Setup = training.Setup with { Validation = null };
        var port = new RecordingPort { OnPropose = training.Commit };
        training.Train(port);
        Assert.All(port.Steps, step => Assert.Equal((task, 2 * step.Tasks[0].Loss), (Assert.Single(step.Tasks).Task, step.TotalLoss)));
        Assert.All(port.Steps, step => Assert.InRange(step.GradientNorm, 1e-6, 1e6));
    }

    [Fact]
    public void AdaptiveWeightsGiveTheSameBitsAtAnyWorldSizeAndAfterAResume()
    {
        string[] adaptive = [.. Small, "training.loss_weighting=adaptive"];
        using MicroTraining fixedWeights = new(Small), alone = new(adaptive), together = new(adaptive), interrupted = new(adaptive);
        var (_, hash) = alone.Train(new RecordingPort { OnPropose = alone.Commit });
        Assert.NotEqual(hash, fixedWeights.Train(new RecordingPort { OnPropose = fixedWeights.Commit }).Hash);
        Assert.Equal(hash, LoopbackWorld.Train(together, 3, new RecordingPort { OnPropose = together.Commit }));

        interrupted.Setup = interrupted.Setup with { StopAfterStep = 2 };
        Assert.Equal(TrainingEnd.Stopped, interrupted.Train(new RecordingPort { OnPropose = interrupted.Commit }).End);
        interrupted.Setup = interrupted.Setup with { StopAfterStep = 0, ResumeSeq = 1 };
        Assert.Equal((TrainingEnd.Completed, hash), interrupted.Train(new RecordingPort { OnPropose = interrupted.Commit }));
    }

    [Fact]
    public void AdaptiveWeightsFollowTheLossesOfTheStepBefore()
    {
        using var training = new MicroTraining([.. Small, "training.loss_weighting=adaptive"]);
        var port = new RecordingPort { OnPropose = training.Commit };
        training.Train(port);
        foreach (var (before, step) in port.Steps.Zip(port.Steps.Skip(1)))
        {
            var weights = LossWeights.Adapt(TaskWeights.All, [.. before.Tasks.Select(task => task.Loss)]);
            Assert.Equal(step.Tasks.Select((task, i) => weights[(PretrainTask)i] * task.Loss).Sum(), step.TotalLoss);
        }
    }

    [Fact]
    public void FashionBertsPatchesTrainTheirThreeTasksAtAnyWorldSize()
    {
        string[] settings = [.. Small, "model.patch_layout=grid8", "training.loss_weighting=adaptive", "data.box=whole"];
        using MicroTraining alone = new(settings), together = new(settings);
        using (var state = ReplicaState.Create(alone.Setup))
        {
            var names = state.Parameters.Layout.Slots.Select(slot => slot.Name).ToArray();
            Assert.Equal(["cls.blank_to_color.weight", "cls.seq_relationship.weight"], names.Where(name => name.StartsWith("cls.", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal) && !name.Contains("predictions", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
            Assert.Single(names, name => name.Contains(".projection.weight", StringComparison.Ordinal));
        }

        var port = new RecordingPort { OnPropose = alone.Commit };
        var (_, hash) = alone.Train(port);
        Assert.Equal(["mlm", "itm", "blank"], port.Steps[^1].Tasks.Select(task => task.Task));
        Assert.Equal(hash, LoopbackWorld.Train(together, 2, new RecordingPort { OnPropose = together.Commit }));
    }

    private static Dictionary<string, string> Hashes(ReplicaState state)
        => state.Snapshot("micro", 1).Weights.ToDictionary(tensor => tensor.Name, tensor => WeightsHash.Compute([tensor]), StringComparer.Ordinal);
}
