using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using KaleidoDist.Protocol.V1;
using TorchSharp;

namespace KaleidoDist.Training;

/// <summary>
/// Losses and accuracies on the validation set. Each virtual rank takes its fixed share, and shares are added by the canonical tree:
/// the numbers are the same at any world size. Corruptions are drawn as in training, with one fixed epoch number.
/// </summary>
internal sealed class Evaluator(TrainerSetup setup, ReplicaState state, Contracts.DatasetManifest validation, ICollective collective, VirtualRankRange hosted, Departure? departure = null)
{
    private readonly JobSpec spec = setup.Spec;
    private readonly ISampleEncoder encoder = setup.CreateEncoder(SampleEncoderOptions.EvaluationEpoch);

    /// <summary>Called when this rank has done its shares and begins to wait for the others.</summary>
    internal Action<long>? Reducing { get; init; }

    /// <summary>Evaluates the weights as they are; every rank takes part and gets the result.</summary>
    internal IReadOnlyList<TaskMetric> Run(long step)
    {
        using var sums = new LeafAccumulator(collective.Tree, hosted, TaskSums.Length);
        using var buffer = NativeBuffer.OfFloats(TaskSums.Length);
        foreach (var share in MeasureShares())
        {
            share.Values.CopyTo(buffer.Floats.AsSpan());
            sums.Add(buffer.Floats);
        }

        Reducing?.Invoke(step);
        collective.AllReduce(sums.Partials, buffer.Floats);
        var total = new TaskSums();
        buffer.Floats.AsSpan().CopyTo(total.Values);
        return Describe(total, step);
    }

    /// <summary>The figures of each hosted virtual rank, in order; zeros where a virtual rank has no sample.</summary>
    private TaskSums[] MeasureShares()
    {
        var shares = new TaskSums[hosted.Count];
        for (var i = 0; i < shares.Length; i++)
            shares[i] = new TaskSums();
        using var feed = new EvaluationFeed(
            new EvaluationFeedOptions
            {
                Manifest = validation, VirtualRankCount = spec.Training.VirtualRanks, VirtualRanks = hosted, Seed = spec.Seed, Model = spec.Model,
                MicroBatchSize = spec.Training.MicroBatchSize, MaxSamples = spec.Evaluation.Samples, MaxBadRows = spec.Data.MaxBadRows,
            },
            encoder);
        while ((departure is null ? feed.Next() : departure.Await(feed.Next, "waiting for validation data")) is { } leaf)
        {
            departure?.LeaveIfOverdue("evaluating");
            foreach (var batch in leaf.MicroBatches)
                AddBatch(shares[leaf.VirtualRank - hosted.First], batch);
        }

        return shares;
    }

    private void AddBatch(TaskSums share, MicroBatch batch)
    {
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var tasks = spec.Training.Tasks;
        var scale = new LossScale(batch.MaskedWeightSum, batch.Count);
        var inputs = BatchTensors.From(batch, spec.Model, state.Device, tasks).Compact();
        LossFigures.Add(share, KaleidoLosses.Compute(state.Model.Forward(inputs, training: false), inputs, scale, tasks), batch, scale, tasks);
    }

    private List<TaskMetric> Describe(TaskSums total, long step)
    {
        var metrics = new List<TaskMetric>();
        void Add(string task, string metric, double value) => metrics.Add(new TaskMetric { Task = task, Metric = metric, Value = value, Step = step });
        foreach (var task in spec.Training.Tasks.Tasks)
        {
            var name = PretrainTasks.Names[(int)task];
            Add(name, "loss", total.Loss(task));
            if (PretrainTasks.IsClassification(task))
            {
                Add(name, "accuracy", total.Accuracy(task));
                Add(name, "count", total.Answered(task));
            }

            if (task == PretrainTask.Mlm)
                Add(name, "perplexity", Math.Exp(total.Loss(task)));
        }
        return metrics;
    }
}
