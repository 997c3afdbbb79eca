using KaleidoDist.Data;

namespace KaleidoDist.Chaos;

/// <summary>What the ledgers of a run prove.</summary>
/// <param name="Complaints">What is wrong, one sentence each; empty when every sample was consumed exactly once.</param>
/// <param name="SampleCount">Samples of the committed history.</param>
/// <param name="RedoneSteps">Times a step was begun by a generation that did not apply it.</param>
/// <param name="RolledBackSteps">Times a step was applied by a generation and later by another: it was lost with all its replicas.</param>
internal sealed record LedgerVerdict(IReadOnlyList<string> Complaints, long SampleCount, int RedoneSteps, int RolledBackSteps);

/// <summary>
/// Joins what ranks computed with what ranks applied. The committed history is, for every step, the newest generation that applied it:
/// what older ones applied was lost with their memory and redone.
/// </summary>
/// <remarks>
/// 1. Every step of the job was applied. 2. Committed generations never go back from step to step. 3. In the committed generation each
/// virtual rank of a step was computed by exactly one process, before anybody applied the step. 4. Every sample of every epoch was
/// consumed exactly once. 5. Redone leaves had the same samples. 6. All who ever applied a step saw the same gradient norm, bit for bit.
/// 7. No process applied a step twice or went back.
/// </remarks>
internal static class LedgerJudge
{
    private const int ShownComplaints = 20;

    /// <summary>Judges a run of <paramref name="totalSteps"/> steps.</summary>
    /// <param name="ledger">What its ranks wrote.</param>
    /// <param name="shape">V and G of the job.</param>
    /// <param name="rowCount">Rows of its training set: the samples of an epoch.</param>
    /// <param name="totalSteps">Steps of the job.</param>
    internal static LedgerVerdict Judge(RunLedger ledger, PlanShape shape, long rowCount, long totalSteps)
    {
        var complaints = new List<string>();
        var computed = ledger.Entries.OfType<ComputedLeaf>().ToLookup(leaf => leaf.Step);
        var applied = ledger.Entries.OfType<AppliedStep>().ToLookup(step => step.Step);

        var committed = Committed(applied, totalSteps, complaints);
        var consumed = Consumed(computed, applied, committed, shape, complaints);
        CheckEpochs(consumed, shape, rowCount, totalSteps, complaints);
        CheckRepeats(computed, applied, complaints);
        CheckProcesses(ledger.Entries.OfType<AppliedStep>(), complaints);

        var begun = computed.Sum(step => step.Select(leaf => leaf.Generation).Distinct().Except(applied[step.Key].Select(a => a.Generation)).Count());
        var rolledBack = applied.Sum(step => step.Select(a => a.Generation).Distinct().Count() - 1);
        if (complaints.Count > ShownComplaints)
            complaints = [.. complaints.Take(ShownComplaints), $"and {complaints.Count - ShownComplaints} more of the ledger"];
        return new LedgerVerdict(complaints, consumed.Sum(step => (long)step.Value.Count), begun, rolledBack);
    }

    private static IEnumerable<long> Range(long first, long last)
    {
        for (var step = first; step <= last; step++)
            yield return step;
    }

    private static SortedDictionary<long, long> Committed(ILookup<long, AppliedStep> applied, long totalSteps, List<string> complaints)
    {
        var committed = new SortedDictionary<long, long>();
        long before = 0;
        complaints.AddRange(StepRanges.Of(Range(1, totalSteps).Where(step => !applied.Contains(step))).Select(steps => $"{steps} applied by nobody"));
        foreach (var step in Range(1, totalSteps).Where(applied.Contains))
        {
            var generation = applied[step].Max(a => a.Generation);
            if (generation < before)
                complaints.Add($"step {step} is generation {generation}'s, but the step before it generation {before}'s");
            committed[step] = before = generation;
        }

        foreach (var step in applied.Where(step => step.Key > totalSteps))
            complaints.Add($"step {step.Key} was applied, but the job has {totalSteps}");
        return committed;
    }

    /// <summary>Samples of every committed step.</summary>
    private static SortedDictionary<long, IReadOnlyList<long>> Consumed(
        ILookup<long, ComputedLeaf> computed, ILookup<long, AppliedStep> applied, SortedDictionary<long, long> committed, PlanShape shape, List<string> complaints)
    {
        var consumed = new SortedDictionary<long, IReadOnlyList<long>>();
        foreach (var (step, generation) in committed)
        {
            var leaves = computed[step].Where(leaf => leaf.Generation == generation).ToLookup(leaf => leaf.VirtualRank);
            foreach (var virtualRank in Enumerable.Range(0, shape.VirtualRanks).Union(leaves.Select(l => l.Key)))
            {
                var count = leaves[virtualRank].Count();
                if (count != 1 || virtualRank >= shape.VirtualRanks)
                    complaints.Add($"virtual rank {virtualRank} of step {step}, generation {generation}, was computed {count} times; expected {(virtualRank < shape.VirtualRanks ? 1 : 0)}");
            }

            var first = applied[step].Where(a => a.Generation == generation).Min(a => a.Clock);
            if (leaves.SelectMany(l => l).Where(leaf => leaf.Clock > first).Select(leaf => (int?)leaf.VirtualRank).FirstOrDefault() is { } late)
                complaints.Add($"step {step} of generation {generation} was applied before virtual rank {late} of it was computed");
            consumed[step] = [.. leaves.SelectMany(l => l).SelectMany(leaf => leaf.Samples)];
        }

        return consumed;
    }

    private static void CheckEpochs(SortedDictionary<long, IReadOnlyList<long>> consumed, PlanShape shape, long rowCount, long totalSteps, List<string> complaints)
    {
        var stepsPerEpoch = shape.StepCount(rowCount);
        for (long epoch = 0; epoch * stepsPerEpoch < totalSteps; epoch++)
        {
            var firstStep = epoch * stepsPerEpoch + 1;
            var lastStep = Math.Min(totalSteps, firstStep + stepsPerEpoch - 1);
            var expected = shape.SamplesBefore(lastStep - firstStep + 1, rowCount);
            var seen = new Dictionary<long, long>();
            for (var step = firstStep; step <= lastStep; step++)
            {
                foreach (var sample in consumed.GetValueOrDefault(step, []))
                {
                    if (sample < 0 || sample >= rowCount)
                        complaints.Add($"step {step} consumed sample {sample}, but the data set has {rowCount}");
                    else if (!seen.TryAdd(sample, step))
                        complaints.Add($"sample {sample} was consumed twice in epoch {epoch}: in step {seen[sample]} and in step {step}");
                }
            }

            if (seen.Count != expected)
                complaints.Add($"epoch {epoch} consumed {seen.Count} different samples in steps {firstStep} to {lastStep}; expected {expected}{Missing(seen, rowCount, lastStep - firstStep + 1 == stepsPerEpoch)}");
        }
    }

    private static string Missing(Dictionary<long, long> seen, long rowCount, bool isWhole)
    {
        if (!isWhole)
            return "";
        for (long sample = 0; sample < rowCount; sample++)
        {
            if (!seen.ContainsKey(sample))
                return $"; sample {sample} is missing";
        }

        return "";
    }

    private static void CheckRepeats(ILookup<long, ComputedLeaf> computed, ILookup<long, AppliedStep> applied, List<string> complaints)
    {
        foreach (var step in computed)
        {
            foreach (var leaf in step.GroupBy(l => l.VirtualRank))
            {
                if (leaf.FirstOrDefault(l => !l.Samples.SequenceEqual(leaf.First().Samples)) is { } other)
                    complaints.Add($"virtual rank {leaf.Key} of step {step.Key} had other samples in generation {other.Generation} than in generation {leaf.First().Generation}");
            }
        }

        foreach (var step in applied)
        {
            if (step.FirstOrDefault(a => a.NormBits != step.First().NormBits) is { } other)
                complaints.Add($"process {other.Process} applied another gradient at step {step.Key} (generation {other.Generation}, norm {other.NormBits:x16}) than process {step.First().Process} (generation {step.First().Generation}, norm {step.First().NormBits:x16})");
        }
    }

    private static void CheckProcesses(IEnumerable<AppliedStep> applied, List<string> complaints)
    {
        foreach (var process in applied.GroupBy(a => a.Process))
        {
            AppliedStep? before = null;
            foreach (var step in process)
            {
                if (before is not null && step.Step <= before.Step)
                    complaints.Add($"process {process.Key} applied step {step.Step} (generation {step.Generation}) after step {before.Step} (generation {before.Generation})");
                before = step;
            }
        }
    }
}
