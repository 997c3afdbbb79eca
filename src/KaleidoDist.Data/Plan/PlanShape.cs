using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>The numbers that cut an epoch into steps and leaves. The world size is not among them.</summary>
public sealed record PlanShape
{
    /// <summary>Checks and keeps the numbers.</summary>
    /// <param name="virtualRanks">Slices of the global batch, V.</param>
    /// <param name="globalBatchSize">Samples of a full step, G; divisible by V.</param>
    /// <param name="shuffleWindow">Row groups that are shuffled together, k.</param>
    /// <exception cref="KaleidoException">A number is out of range, or G is not divisible by V.</exception>
    public PlanShape(int virtualRanks, int globalBatchSize, int shuffleWindow)
    {
        if (virtualRanks < 1 || globalBatchSize < 1 || shuffleWindow < 1)
            throw KaleidoException.Usage($"{virtualRanks} virtual ranks, a global batch of {globalBatchSize} and a shuffle window of {shuffleWindow}; expected each to be at least 1.");
        if (globalBatchSize % virtualRanks != 0)
            throw KaleidoException.Usage($"The global batch of {globalBatchSize} is not divisible by {virtualRanks} virtual ranks; expected a multiple, such as {(globalBatchSize / virtualRanks + 1) * virtualRanks}.");
        VirtualRanks = virtualRanks;
        GlobalBatchSize = globalBatchSize;
        ShuffleWindow = shuffleWindow;
    }

    /// <summary>The shape of a job.</summary>
    public static PlanShape Of(JobSpec spec) => new(spec.Training.VirtualRanks, spec.Training.GlobalBatchSize, spec.Data.ShuffleWindow);

    /// <summary>Slices of the global batch, V.</summary>
    public int VirtualRanks { get; }

    /// <summary>Samples of a full step, G.</summary>
    public int GlobalBatchSize { get; }

    /// <summary>Row groups that are shuffled together, k.</summary>
    public int ShuffleWindow { get; }

    /// <summary>Samples of one virtual rank in a full step, G / V.</summary>
    public int LeafSize => GlobalBatchSize / VirtualRanks;

    /// <summary>Steps of an epoch over <paramref name="rowCount"/> rows: as many as the longest slice needs.</summary>
    public long StepCount(long rowCount) => DivideUp(DivideUp(rowCount, VirtualRanks), LeafSize);

    /// <summary>The samples [Start, Start + Length) of the epoch's order that are virtual rank <paramref name="virtualRank"/>'s slice.</summary>
    public (long Start, long Length) Slice(int virtualRank, long rowCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(virtualRank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(virtualRank, VirtualRanks);
        var start = (long)((Int128)virtualRank * rowCount / VirtualRanks);
        var end = (long)((Int128)(virtualRank + 1) * rowCount / VirtualRanks);
        return (start, end - start);
    }

    /// <summary>Samples of an epoch that its first <paramref name="steps"/> steps take.</summary>
    public long SamplesBefore(long steps, long rowCount)
    {
        var perSlice = Int128.Min((Int128)steps * LeafSize, rowCount);
        // Slices have two lengths only, one apart.
        var (shorter, longerCount) = Math.DivRem(rowCount, (long)VirtualRanks);
        return (long)((Int128.Min(perSlice, shorter + 1) * longerCount) + (Int128.Min(perSlice, shorter) * (VirtualRanks - longerCount)));
    }

    private static long DivideUp(long value, long by) => (value + by - 1) / by;
}
