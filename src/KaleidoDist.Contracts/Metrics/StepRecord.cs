using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>What one task measured, in training over a global batch or in validation over the validation set.</summary>
public sealed record TaskRecord
{
    /// <summary>Loss; NaN when it was not finite.</summary>
    public double Loss { get; init; } = double.NaN;

    /// <summary>Share of right answers, 0..1; null for a reconstruction.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Exponential of the token loss; null but for the validation of <see cref="PretrainTask.Mlm"/>.</summary>
    public double? Perplexity { get; init; }

    /// <summary>Answers the accuracy was taken over; null when it was not counted.</summary>
    public long? Count { get; init; }
}

/// <summary>One optimizer step in a run's journal.</summary>
public sealed record StepRecord
{
    /// <summary>Optimizer step, from 1.</summary>
    public long Step { get; init; }

    /// <summary>Passes over the data so far, with the part of the present one.</summary>
    public double Epoch { get; init; }

    /// <summary>Samples consumed so far.</summary>
    public long Samples { get; init; }

    /// <summary>Sum of the tasks' losses.</summary>
    public double TotalLoss { get; init; }

    /// <summary>By task name, in the model's task order.</summary>
    public IReadOnlyDictionary<string, TaskRecord> Tasks { get; init; } = new Dictionary<string, TaskRecord>();

    /// <summary>Learning rate of the step.</summary>
    public double LearningRate { get; init; }

    /// <summary>Global gradient norm before clipping.</summary>
    public double GradientNorm { get; init; }

    /// <summary>Wall time of the step, seconds.</summary>
    public double StepSeconds { get; init; }

    /// <summary>Of it, waiting for data.</summary>
    public double DataWaitSeconds { get; init; }

    /// <summary>Of it, forward and backward.</summary>
    public double ComputeSeconds { get; init; }

    /// <summary>Of it, the reduction that was not hidden behind computation.</summary>
    public double ReduceSeconds { get; init; }

    /// <summary>Version of the membership that computed the step.</summary>
    public long Generation { get; init; }

    /// <summary>Ranks that computed the step.</summary>
    public int WorldSize { get; init; }

    /// <summary>Rows whose picture did not decode and were replaced, since the job began.</summary>
    public long ReplacedSamples { get; init; }

    /// <summary>Reads the wire form; a negative accuracy means that the task has none.</summary>
    public static StepRecord FromProto(Proto.StepMetrics proto) => new()
    {
        Step = proto.Step,
        Epoch = proto.Epoch,
        Samples = proto.Samples,
        TotalLoss = proto.TotalLoss,
        Tasks = proto.Tasks.ToDictionary(
            t => t.Task,
            t => new TaskRecord { Loss = t.Loss, Accuracy = t.Accuracy < 0 ? null : t.Accuracy },
            StringComparer.Ordinal),
        LearningRate = proto.LearningRate,
        GradientNorm = proto.GradientNorm,
        StepSeconds = proto.StepSeconds,
        DataWaitSeconds = proto.DataWaitSeconds,
        ComputeSeconds = proto.ComputeSeconds,
        ReduceSeconds = proto.ReduceSeconds,
        Generation = proto.Generation,
        WorldSize = proto.WorldSize,
        ReplacedSamples = proto.ReplacedSamples,
    };
}

/// <summary>One evaluation on the validation set in a run's journal.</summary>
/// <param name="Step">Optimizer steps applied before it; 0 for the untrained model.</param>
/// <param name="Validation">By task name.</param>
public sealed record ValidationRecord(long Step, IReadOnlyDictionary<string, TaskRecord> Validation)
{
    /// <summary>Reads the wire form: one value per task and metric (loss, accuracy, perplexity, count).</summary>
    public static ValidationRecord FromProto(long step, IEnumerable<Proto.TaskMetric> metrics) => new(
        step,
        metrics.GroupBy(m => m.Task, StringComparer.Ordinal).ToDictionary(
            g => g.Key,
            g =>
            {
                var values = g.ToDictionary(m => m.Metric, m => m.Value, StringComparer.Ordinal);
                return new TaskRecord
                {
                    Loss = values.GetValueOrDefault("loss", double.NaN),
                    Accuracy = values.TryGetValue("accuracy", out var accuracy) && accuracy >= 0 ? accuracy : null,
                    Perplexity = values.TryGetValue("perplexity", out var perplexity) ? perplexity : null,
                    Count = values.TryGetValue("count", out var count) ? (long)count : null,
                };
            },
            StringComparer.Ordinal));
}
