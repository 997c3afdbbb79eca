using System.Buffers.Binary;
using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>How one metric has gone over the evaluations so far: what early stopping and the best checkpoint are decided by. A function of the measured values alone.</summary>
/// <param name="At">Step of the newest evaluation that counted; -1 before the first.</param>
/// <param name="Best">The best value; NaN before the first number.</param>
/// <param name="BestAt">Its step; -1 before the first.</param>
/// <param name="Stale">Evaluations in a row since then that were not better.</param>
public readonly record struct EvaluationTrack(long At, double Best, long BestAt, int Stale)
{
    private const int BestOffset = 8, BestAtOffset = 16, StaleOffset = 24;

    /// <summary>Length of the bytes.</summary>
    internal const int ByteCount = 32;

    /// <summary>Before the first evaluation.</summary>
    public static EvaluationTrack None { get; } = new(-1, double.NaN, -1, 0);

    /// <summary>After one more evaluation. One that counted already changes nothing, so an evaluation that is done again does not either.</summary>
    /// <param name="spec">What is better.</param>
    /// <param name="step">Steps applied before the evaluation.</param>
    /// <param name="value">What it measured.</param>
    public EvaluationTrack After(EarlyStopSpec spec, long step, double value)
    {
        if (step <= At)
            return this;
        return spec.IsBetter(value, Best) ? new EvaluationTrack(step, value, step, 0) : this with { At = step, Stale = Stale + 1 };
    }

    /// <summary>As a checkpoint keeps it, with the metric it is of.</summary>
    internal IEnumerable<KeyValuePair<string, string>> ToValues(string prefix, string metric)
    {
        yield return new($"{prefix}.metric", metric);
        yield return new($"{prefix}.at", At.ToString(CultureInfo.InvariantCulture));
        yield return new($"{prefix}.best", Best.ToString("R", CultureInfo.InvariantCulture));
        yield return new($"{prefix}.best_at", BestAt.ToString(CultureInfo.InvariantCulture));
        yield return new($"{prefix}.stale", Stale.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>From a checkpoint; of another metric it says nothing.</summary>
    internal static EvaluationTrack FromValues(string prefix, string metric, IReadOnlyDictionary<string, string> values)
    {
        if (values.GetValueOrDefault($"{prefix}.metric") != metric)
            return None;
        long Whole(string key) => long.Parse(values[$"{prefix}.{key}"], CultureInfo.InvariantCulture);
        return new EvaluationTrack(Whole("at"), double.Parse(values[$"{prefix}.best"], CultureInfo.InvariantCulture), Whole("best_at"), (int)Whole("stale"));
    }

    /// <summary>Writes the bytes.</summary>
    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes, At);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes[BestOffset..], Best);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[BestAtOffset..], BestAt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[StaleOffset..], Stale);
    }

    /// <summary>Reads the bytes.</summary>
    internal static EvaluationTrack Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadInt64LittleEndian(bytes),
        BinaryPrimitives.ReadDoubleLittleEndian(bytes[BestOffset..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[BestAtOffset..]),
        (int)BinaryPrimitives.ReadInt64LittleEndian(bytes[StaleOffset..]));
}
