using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training.Tests;

public sealed class LeafGradientTests
{
    [Fact]
    public void ALeafsGradientDependsOnNoOtherLeafBeforeIt()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        var leaves = Leaves(training.Setup, count: 2);
        var alone = Gradient(training.Setup.Spec, state, leaves[1]);
        Gradient(training.Setup.Spec, state, leaves[0]);
        Assert.Equal(alone, Gradient(training.Setup.Spec, state, leaves[1]));
    }

    [Fact]
    public void ALeafCutIntoMicroBatchesHasTheGradientAndTheLossesOfTheWhole()
    {
        string[] big = ["training.global_batch_size=32", "model.hidden_dropout=0", "model.attention_dropout=0"];
        using var whole = new MicroTraining([.. big, "training.micro_batch_size=4"]);
        using var cut = new MicroTraining([.. big, "training.micro_batch_size=1"]);
        using var state = ReplicaState.Create(whole.Setup);
        TaskSums wholeSums = new(), cutSums = new();
        var expected = Gradient(whole.Setup.Spec, state, Leaves(whole.Setup, 1)[0], wholeSums);
        var actual = Gradient(cut.Setup.Spec, state, Leaves(cut.Setup, 1)[0], cutSums);

        var scale = expected.Max(Math.Abs);
        Assert.True(scale > 0.1);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-5 * scale));
        Assert.Equal((4L, 4L), (wholeSums.SampleCount, cutSums.SampleCount));
        foreach (var task in Enum.GetValues<PretrainTask>())
        {
            Assert.Equal(wholeSums.Loss(task), cutSums.Loss(task), 1e-5);
            Assert.Equal(wholeSums.Accuracy(task), cutSums.Accuracy(task));
        }
    }

    private static float[] Gradient(JobSpec spec, ReplicaState state, Leaf leaf, TaskSums? sums = null)
    {
        new LeafGradient(spec, state.Model, state.Parameters, state.Device).Compute(step: 1, leaf, spec.Training.Tasks, sums ?? new TaskSums());
        return state.PullGradients().AsSpan().ToArray();
    }

    internal static List<Leaf> Leaves(TrainerSetup setup, int count)
    {
        using var feed = new LeafFeed(
            new LeafFeedOptions
            {
                Manifest = setup.Train, Shape = setup.Shape, Seed = setup.Spec.Seed, Model = setup.Spec.Model, MicroBatchSize = setup.Spec.Training.MicroBatchSize,
                VirtualRanks = new VirtualRankRange(0, setup.Spec.Training.VirtualRanks), StartStep = 0, EndStep = 1,
            },
            setup.CreateEncoder());
        return [.. Enumerable.Range(0, count).Select(_ => feed.Next()!)];
    }
}
