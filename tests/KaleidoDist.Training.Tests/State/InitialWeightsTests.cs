using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

/// <summary>Trainings that start from weights that exist, and leave some of them as they are.</summary>
public sealed class InitialWeightsTests
{
    [Fact]
    public void ATrainingStartsFromTheWeightsOfAnotherRunAndFromNothingElseOfIt()
    {
        using var before = new MicroTraining("training.steps=2");
        before.Train(new RecordingPort { OnPropose = before.Commit });
        var saved = new CheckpointCatalog(before.Folder, TimeProvider.System).List()[^1].Manifest!;

        using var after = new MicroTraining("seed=77", $"model.init={before.Folder}");
        using var state = ReplicaState.Create(after.Setup);

        Assert.Equal(saved.WeightsXxh128, WeightsHash.Compute(state.Snapshot("micro", 1).Weights));
        Assert.Equal((0L, 0L, 0f), (state.Step, state.Optimizer.StepCount, state.Optimizer.SecondMoment.abs().max().item<float>()));
        Assert.Empty(state.InitialWeights!.Kept);
        Assert.StartsWith($"starts from Kaleido-BERT weights in '{before.Folder}': ", state.InitialWeights.Lines.First(), StringComparison.Ordinal);
    }

    [Fact]
    public void FrozenLayersStayAsTheyStartAtAnyWorldSizeWhileTheOthersAreTrained()
    {
        string[] settings = ["training.steps=3", "training.virtual_ranks=4", "training.global_batch_size=8", "model.freeze_layers=1", "training.optimizer.weight_decay=0.1"];
        using MicroTraining alone = new(settings), together = new(settings);
        var start = Start(alone);
        using (var trained = ReplicaState.Create(alone.Setup))
        {
            using var collective = alone.Alone();
            using var trainer = new Trainer(alone.Setup, trained, collective, new RecordingPort { OnPropose = alone.Commit }, TimeProvider.System);
            trainer.Run();
            var end = Hashes(trained);
            foreach (var (name, hash) in start)
            {
                var isFrozen = name.StartsWith("bert.embeddings.", StringComparison.Ordinal) || name.StartsWith("bert.encoder.layer.0.", StringComparison.Ordinal);
                Assert.True(isFrozen == (hash == end[name]), $"{name} is {(isFrozen ? "frozen" : "trained")} and {(hash == end[name] ? "the same" : "another")}");
            }

            Assert.Equal(trained.ReplicaHash(), LoopbackWorld.Train(together, 2, new RecordingPort { OnPropose = together.Commit }));
        }
    }

    [Fact]
    public void TheOptimizersPartsAreAsLongAsFrozenParametersAllow()
    {
        var layout = new ParameterLayout([("a", [16], true), ("b", [10], true), ("c", [16], true), ("d", [3], false), ("e", [20], false)]);
        Assert.Equal([(0L, 48L, true), (48L, 48L, false)], Parts(_ => false));
        Assert.Equal([(0L, 16L, true), (32L, 16L, true), (48L, 48L, false)], Parts(slot => slot.Name == "b"));
        Assert.Equal([(64L, 32L, false)], Parts(slot => slot.Name != "e"));
        Assert.Equal([(16L, 16L), (48L, 16L)], TrainedRange.Frozen(layout, slot => slot.Name is "b" or "d"));

        IEnumerable<(long, long, bool)> Parts(Func<TensorSlot, bool> isFrozen) => TrainedRange.Of(layout, isFrozen).Select(part => (part.Start, part.Length, part.Decay));
    }

    private static Dictionary<string, string> Start(MicroTraining training)
    {
        using var state = ReplicaState.Create(training.Setup);
        return Hashes(state);
    }

    private static Dictionary<string, string> Hashes(ReplicaState state)
        => state.Snapshot("micro", 1).Weights.ToDictionary(tensor => tensor.Name, tensor => WeightsHash.Compute([tensor]), StringComparer.Ordinal);
}
