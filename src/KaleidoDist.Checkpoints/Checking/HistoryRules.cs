using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Invariants of a run's history, as far as its manifests and journal show them. Pure.</summary>
internal static class HistoryRules
{
    /// <summary>Checks the manifests against each other.</summary>
    /// <param name="manifests">Readable manifests of the log, ascending.</param>
    /// <param name="others">Every other number that was ever seen: unreadable or in quarantine.</param>
    internal static IEnumerable<RunFinding> OfManifests(IReadOnlyList<CheckpointManifest> manifests, IReadOnlyCollection<long> others)
    {
        var bySeq = manifests.ToDictionary(m => m.Seq);
        foreach (var manifest in manifests)
        {
            foreach (var finding in Lineage(manifest, bySeq, others))
                yield return finding;
        }

        foreach (var (older, newer) in manifests.Zip(manifests.Skip(1)).Where(p => p.Second.Generation < p.First.Generation))
            yield return new RunFinding("I7", $"Checkpoint {newer.Seq} is of generation {newer.Generation}, although checkpoint {older.Seq} before it is of generation {older.Generation}.");
        foreach (var finding in Positions(manifests))
            yield return finding;
    }

    /// <summary>Checks the journal, and the manifests against it.</summary>
    internal static IEnumerable<RunFinding> OfJournal(RunHistory history, IReadOnlyList<CheckpointManifest> manifests)
    {
        foreach (var (before, after) in history.Steps.Zip(history.Steps.Skip(1)))
        {
            if (after.Step != before.Step + 1)
                yield return RunFinding.Note($"The journal has no line for {(after.Step - before.Step == 2 ? $"step {before.Step + 1}" : $"steps {before.Step + 1} to {after.Step - 1}")}.");
            if (after.Samples <= before.Samples)
                yield return new RunFinding("I6", $"The journal counts {after.Samples} samples after step {after.Step}, and {before.Samples} after step {before.Step}.");
            if (after.Generation < before.Generation)
                yield return new RunFinding("I7", $"The journal has step {after.Step} of generation {after.Generation} after step {before.Step} of generation {before.Generation}.");
        }

        var samples = history.Steps.ToDictionary(s => s.Step, s => s.Samples);
        foreach (var manifest in manifests.Where(m => samples.TryGetValue(m.Step, out var count) && count != m.SamplesConsumed))
            yield return new RunFinding("I6", $"Checkpoint {manifest.Seq} counts {manifest.SamplesConsumed} samples at step {manifest.Step}, the journal {samples[manifest.Step]}.");
        if (history.SkippedLineCount > 0)
            yield return RunFinding.Note($"{history.SkippedLineCount} lines of the journal cannot be read: a crash may tear the last one.");
    }

    /// <summary>I1: one line of parents, in which what was left out was left out knowingly. I9: along it, steps grow.</summary>
    private static IEnumerable<RunFinding> Lineage(CheckpointManifest manifest, Dictionary<long, CheckpointManifest> bySeq, IReadOnlyCollection<long> others)
    {
        if (bySeq.TryGetValue(manifest.ParentSeq, out var parent))
        {
            if (parent.Self != manifest.ParentHash)
                yield return new RunFinding("I1", $"Checkpoint {manifest.Seq} continues checkpoint {parent.Seq} as {manifest.ParentHash}, but that is {parent.Self}.");
            if (parent.Step > manifest.Step)
                yield return new RunFinding("I9", $"Checkpoint {manifest.Seq} is of step {manifest.Step}, although it continues checkpoint {parent.Seq} of step {parent.Step}.");
        }

        long[] passedOver = [.. bySeq.Keys.Concat(others).Where(s => s > manifest.ParentSeq && s < manifest.Seq && !manifest.Supersedes.Contains(s)).Distinct().Order()];
        if (passedOver.Length > 0)
            yield return new RunFinding("I1", $"Checkpoint {manifest.Seq} continues checkpoint {manifest.ParentSeq} and passes over {string.Join(", ", passedOver)} without superseding them: history is forked.");
    }

    /// <summary>I6: every position is the same function of the step, with one length of an epoch and one size of the data set.</summary>
    private static IEnumerable<RunFinding> Positions(IReadOnlyList<CheckpointManifest> manifests)
    {
        (long Seq, long StepCount, long SampleCount)? known = null;
        foreach (var manifest in manifests)
        {
            var (steps, samples) = (manifest.Step - manifest.Data.StepInEpoch, manifest.SamplesConsumed - manifest.Data.StepInEpoch * manifest.GlobalBatch);
            var epoch = manifest.Data.Epoch;
            if (epoch == 0 ? (steps, samples) != (0, 0) : steps % epoch != 0 || samples % epoch != 0)
            {
                yield return new RunFinding("I6", $"Checkpoint {manifest.Seq} stands at step {manifest.Step} with {manifest.SamplesConsumed} samples, which is not step {manifest.Data.StepInEpoch} of epoch {epoch}.");
                continue;
            }

            if (epoch == 0)
                continue;
            var found = (manifest.Seq, steps / epoch, samples / epoch);
            if (known is { } first && (first.StepCount, first.SampleCount) != (found.Item2, found.Item3))
                yield return new RunFinding("I6", $"An epoch has {found.Item2} steps and {found.Item3} samples by checkpoint {found.Seq}, and {first.StepCount} and {first.SampleCount} by checkpoint {first.Seq}.");
            known ??= found;
        }
    }
}
