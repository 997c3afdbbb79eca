using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// What a replica remembers of earlier steps and evaluations because later ones depend on it. Made of reduced values alone, so it is equal on all ranks; travels
/// with the weights, to joiners and laggards as bytes and into checkpoints as text.
/// </summary>
public sealed record ReplicaHistory
{
    private const string LossesKey = "losses", StopPrefix = "early_stop", KeepPrefix = "keep_best";
    private const int StopAt = PretrainTasks.Count * sizeof(double), KeepAt = StopAt + EvaluationTrack.ByteCount;

    /// <summary>Length of the bytes.</summary>
    internal const int ByteCount = KeepAt + EvaluationTrack.ByteCount;

    /// <summary>Of a replica before its first step.</summary>
    public static ReplicaHistory None { get; } = new();

    /// <summary>Mean losses of the last step that changed the weights, by <see cref="PretrainTask"/>; NaN where there was none.</summary>
    public ImmutableArray<double> Losses { get; init; } = [.. Enumerable.Repeat(double.NaN, PretrainTasks.Count)];

    /// <summary>How the metric that the job may end by has gone.</summary>
    public EvaluationTrack Evaluations { get; init; } = EvaluationTrack.None;

    /// <summary>How the metric that the best checkpoints are kept by has gone.</summary>
    public EvaluationTrack Kept { get; init; } = EvaluationTrack.None;

    /// <summary>Writes the bytes.</summary>
    internal void Write(Span<byte> bytes)
    {
        for (var task = 0; task < Losses.Length; task++)
            BinaryPrimitives.WriteDoubleLittleEndian(bytes[(task * sizeof(double))..], Losses[task]);
        Evaluations.Write(bytes[StopAt..]);
        Kept.Write(bytes[KeepAt..]);
    }

    /// <summary>Reads the bytes.</summary>
    internal static ReplicaHistory Read(ReadOnlySpan<byte> bytes)
    {
        var losses = ImmutableArray.CreateBuilder<double>(PretrainTasks.Count);
        for (var task = 0; task < PretrainTasks.Count; task++)
            losses.Add(BinaryPrimitives.ReadDoubleLittleEndian(bytes[(task * sizeof(double))..]));
        return new ReplicaHistory { Losses = losses.MoveToImmutable(), Evaluations = EvaluationTrack.Read(bytes[StopAt..]), Kept = EvaluationTrack.Read(bytes[KeepAt..]) };
    }

    /// <summary>As a checkpoint keeps it: nothing of what the job does not use.</summary>
    internal IEnumerable<KeyValuePair<string, string>> ToValues(JobSpec spec) =>
    [
        .. spec.Training.LossWeighting == LossWeighting.Adaptive ? [new(LossesKey, string.Join(' ', Losses.Select(loss => loss.ToString("R", CultureInfo.InvariantCulture))))] : Nothing,
        .. spec.Evaluation.EarlyStop is { } stop ? Evaluations.ToValues(StopPrefix, stop.Metric) : Nothing,
        .. spec.Checkpoint.KeepBest is { } best ? Kept.ToValues(KeepPrefix, best.Metric) : Nothing,
    ];

    /// <summary>From a checkpoint; what it does not have, or has of another metric, begins anew.</summary>
    /// <exception cref="FormatException">A value is not what this program writes.</exception>
    internal static ReplicaHistory FromValues(IReadOnlyDictionary<string, string> values, JobSpec spec) => new()
    {
        Losses = values.GetValueOrDefault(LossesKey)?.Split(' ') is { Length: PretrainTasks.Count } losses
            ? [.. losses.Select(loss => double.Parse(loss, CultureInfo.InvariantCulture))]
            : None.Losses,
        Evaluations = spec.Evaluation.EarlyStop is { } stop ? EvaluationTrack.FromValues(StopPrefix, stop.Metric, values) : EvaluationTrack.None,
        Kept = spec.Checkpoint.KeepBest is { } best ? EvaluationTrack.FromValues(KeepPrefix, best.Metric, values) : EvaluationTrack.None,
    };

    private static IEnumerable<KeyValuePair<string, string>> Nothing => [];
}
