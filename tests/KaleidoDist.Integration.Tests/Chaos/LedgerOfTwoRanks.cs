using KaleidoDist.Chaos;
using KaleidoDist.Data;

namespace KaleidoDist.Integration.Tests;

/// <summary>Ledgers of a job of ten samples, two virtual ranks and two samples of each a step: three steps an epoch, the last smaller.</summary>
internal sealed class LedgerOfTwoRanks
{
    internal const int RowCount = 10;
    private readonly List<LedgerEntry> entries = [];
    private long clock;

    internal static PlanShape Shape { get; } = new(virtualRanks: 2, globalBatchSize: 4, shuffleWindow: 1);

    /// <summary>A rank process.</summary>
    internal static string Process(int id) => $"{id}";

    /// <summary>The samples of a leaf.</summary>
    internal static long[] Samples(long step, int virtualRank)
    {
        var first = (step - 1) % 3 * 2;
        return [.. new[] { first, first + 1 }.Where(offset => offset < 5).Select(offset => offset + (5 * virtualRank))];
    }

    /// <summary>Both ranks, processes 1 and 2, compute and apply steps.</summary>
    internal LedgerOfTwoRanks Steps(long generation, long first, long last)
    {
        for (var step = first; step <= last; step++)
            Computes(generation, step, 0, 1).Computes(generation, step, 1, 2).Applies(generation, step, 1).Applies(generation, step, 2);
        return this;
    }

    /// <summary>A process computes a leaf.</summary>
    internal LedgerOfTwoRanks Computes(long generation, long step, int virtualRank, int process, params long[] samples)
    {
        entries.Add(new ComputedLeaf(Process(process), ++clock, generation, step, virtualRank, samples.Length > 0 ? samples : Samples(step, virtualRank)));
        return this;
    }

    /// <summary>A process applies a step.</summary>
    internal LedgerOfTwoRanks Applies(long generation, long step, int process, ulong? norm = null)
    {
        entries.Add(new AppliedStep(Process(process), ++clock, generation, step, norm ?? (ulong)step));
        return this;
    }

    /// <summary>Takes lines away.</summary>
    internal LedgerOfTwoRanks Without(Predicate<LedgerEntry> line)
    {
        Assert.NotEqual(0, entries.RemoveAll(line));
        return this;
    }

    /// <summary>What the judge says of <paramref name="totalSteps"/> steps.</summary>
    internal LedgerVerdict Judged(long totalSteps) => LedgerJudge.Judge(new RunLedger(entries, 0), Shape, RowCount, totalSteps);
}
