using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using TorchSharp;

namespace KaleidoDist.Training.Tests;

public sealed class EvaluatorTests
{
    private const int Samples = 40;

    [Fact]
    public void FiguresAreThoseOfTheModelOverAllSamples()
    {
        using var training = new MicroTraining($"evaluation.samples={Samples}", "training.micro_batch_size=3");
        using var state = ReplicaState.Create(training.Setup);
        using var collective = training.Alone();
        var (setup, spec) = (training.Setup, training.Setup.Spec);
        var everything = new VirtualRankRange(0, spec.Training.VirtualRanks);
        var metrics = new Evaluator(setup, state, setup.Validation!, collective, everything).Run(step: 7).ToDictionary(m => (m.Task, m.Metric));

        var losses = new double[PretrainTasks.Count];
        var correct = new long[PretrainTasks.Count];
        var (samples, tokens) = (0, 0.0);
        using var noGradients = torch.no_grad();
        using var feed = new EvaluationFeed(
            new EvaluationFeedOptions
            {
                Manifest = setup.Validation!, VirtualRankCount = spec.Training.VirtualRanks, VirtualRanks = everything, Seed = spec.Seed, Model = spec.Model,
                MicroBatchSize = spec.Training.MicroBatchSize, MaxSamples = Samples,
            },
            setup.CreateEncoder(SampleEncoderOptions.EvaluationEpoch));
        while (feed.Next() is { } leaf)
        {
            using var scope = torch.NewDisposeScope();
            var inputs = BatchTensors.From(Assert.Single(leaf.MicroBatches), spec.Model, state.Device);
            var batch = new double[PretrainTasks.Count];
            KaleidoLosses.Compute(state.Model.Forward(inputs, training: false), inputs, new LossScale(leaf.MaskedWeightSum, leaf.Count)).AddTo(batch, correct);
            for (var task = 0; task < batch.Length; task++)
                losses[task] += batch[task] * leaf.Count;
            samples += leaf.Count;
            tokens += leaf.MaskedWeightSum;
        }

        Assert.Equal(Samples, samples);
        foreach (var task in Enum.GetValues<PretrainTask>())
        {
            var name = PretrainTasks.Names[(int)task];
            Assert.Equal(losses[(int)task] / samples, metrics[(name, "loss")].Value, 1e-5);
            Assert.Equal(PretrainTasks.IsClassification(task), metrics.ContainsKey((name, "accuracy")));
            if (!PretrainTasks.IsClassification(task))
                continue;
            var answered = task == PretrainTask.Mlm ? tokens : samples;
            Assert.Equal(answered, metrics[(name, "count")].Value);
            Assert.Equal(correct[(int)task] / answered, metrics[(name, "accuracy")].Value);
        }

        Assert.Equal(Math.Exp(metrics[("mlm", "loss")].Value), metrics[("mlm", "perplexity")].Value);
        Assert.All(metrics.Values, metric => Assert.Equal(7, metric.Step));
    }

    [Fact]
    public void TheWholeSetHasTheSameFiguresBitForBitOnOneTwoAndThreeRanks()
    {
        using var training = new MicroTraining("evaluation.samples=0", "training.micro_batch_size=16");
        var rows = training.Setup.Validation!.RowCount;
        Assert.NotEqual(0, rows % training.Setup.Spec.Training.VirtualRanks); // a remainder is part of it
        var results = new List<IReadOnlyList<Protocol.V1.TaskMetric>>();
        for (var world = 1; world <= 3; world++)
        {
            var ofRanks = new IReadOnlyList<Protocol.V1.TaskMetric>[world];
            var turn = new Lock();
            LoopbackWorld.Run(training, world, (rank, collective) =>
            {
                using var state = ReplicaState.Create(training.Setup);
                var hosted = VirtualRankRange.Of(rank, world, training.Setup.Spec.Training.VirtualRanks);
                turn.Enter();
                ofRanks[rank] = new Evaluator(training.Setup, state, training.Setup.Validation!, collective, hosted) { Reducing = _ => turn.Exit() }.Run(step: 0);
            });
            results.AddRange(ofRanks);
        }

        Assert.All(results, metrics => Assert.Equal(results[0], metrics));
        Assert.Equal(rows, results[0].Single(metric => metric is { Task: "itm", Metric: "count" }).Value);
    }

    [Fact]
    public void EvaluatingChangesNothingAndGivesTheSameFiguresAgain()
    {
        using var training = new MicroTraining();
        using var state = ReplicaState.Create(training.Setup);
        using var collective = training.Alone();
        var evaluator = new Evaluator(training.Setup, state, training.Setup.Validation!, collective, new VirtualRankRange(0, training.Setup.Spec.Training.VirtualRanks));
        var hash = state.ReplicaHash();
        var first = evaluator.Run(0);
        Assert.Equal(first, evaluator.Run(0));
        Assert.Equal(hash, state.ReplicaHash());
    }
}
