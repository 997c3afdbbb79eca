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
    private const string LossesKey = "losses", MetricKey = "early_stop.metric", AtKey = "early_stop.at", BestKey = "early_stop.best", BestAtKey = "early_stop.best_at", StaleKey = "early_stop.stale";
    private const int TrackAt = PretrainTasks.Count * sizeof(double);

    /// <summary>Length of the bytes.</summary>
    internal const int ByteCount = TrackAt + EvaluationTrack.ByteCount;

    /// <summary>Of a replica before its first step.</summary>
    public static ReplicaHistory None { get; } = new();

    /// <summary>Mean losses of the last step that changed the weights, by <see cref="PretrainTask"/>; NaN where there was none.</summary>
    public ImmutableArray<double> Losses { get; init; } = [.. Enumerable.Repeat(double.NaN, PretrainTasks.Count)];

    /// <summary>How the metric that the job may end by has gone.</summary>
    public EvaluationTrack Evaluations { get; init; } = EvaluationTrack.None;

    /// <summary>Writes the bytes.</summary>
    internal void Write(Span<byte> bytes)
    {
        for (var task = 0; task < Losses.Length; task++)
            BinaryPrimitives.WriteDoubleLittleEndian(bytes[(task * sizeof(double))..], Losses[task]);
        Evaluations.Write(bytes[TrackAt..]);
    }

    /// <summary>Reads the bytes.</summary>
    internal static ReplicaHistory Read(ReadOnlySpan<byte> bytes)
    {
        var losses = ImmutableArray.CreateBuilder<double>(PretrainTasks.Count);
        for (var task = 0; task < PretrainTasks.Count; task++)
            losses.Add(BinaryPrimitives.ReadDoubleLittleEndian(bytes[(task * sizeof(double))..]));
        return new ReplicaHistory { Losses = losses.MoveToImmutable(), Evaluations = EvaluationTrack.Read(bytes[TrackAt..]) };
    }

    /// <summary>As a checkpoint keeps it: nothing of what the job does not use.</summary>
    internal IEnumerable<KeyValuePair<string, string>> ToValues(JobSpec spec)
    {
        if (spec.Training.LossWeighting == LossWeighting.Adaptive)
            yield return new(LossesKey, string.Join(' ', Losses.Select(Text)));
        if (spec.Evaluation.EarlyStop is not { } stop)
            yield break;
        yield return new(MetricKey, stop.Metric);
        yield return new(AtKey, Evaluations.At.ToString(CultureInfo.InvariantCulture));
        yield return new(BestKey, Text(Evaluations.Best));
        yield return new(BestAtKey, Evaluations.BestAt.ToString(CultureInfo.InvariantCulture));
        yield return new(StaleKey, Evaluations.Stale.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>From a checkpoint; what it does not have, or has of another metric, begins anew.</summary>
    /// <exception cref="FormatException">A value is not what this program writes.</exception>
    internal static ReplicaHistory FromValues(IReadOnlyDictionary<string, string> values, JobSpec spec)
    {
        var history = None;
        if (values.TryGetValue(LossesKey, out var losses) && losses.Split(' ') is { Length: PretrainTasks.Count } numbers)
            history = history with { Losses = [.. numbers.Select(Number)] };
        if (spec.Evaluation.EarlyStop is { } stop && values.GetValueOrDefault(MetricKey) == stop.Metric)
        {
            long Whole(string key) => long.Parse(values[key], CultureInfo.InvariantCulture);
            history = history with { Evaluations = new EvaluationTrack(Whole(AtKey), Number(values[BestKey]), Whole(BestAtKey), (int)Whole(StaleKey)) };
        }

        return history;
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
