using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What a run folder holds, as retention sees it.</summary>
/// <param name="Manifests">Readable manifests of the log.</param>
/// <param name="UnreadableCount">Manifests of the log that could not be read: they may name any folder.</param>
/// <param name="Quarantined">Readable manifests in quarantine.</param>
/// <param name="DataFolders">Everything in <c>data/</c>.</param>
/// <param name="Drafts">Everything in <c>tmp/</c>.</param>
/// <param name="Now">Time by the clock of the store.</param>
internal sealed record RetentionState(
    IReadOnlyList<CheckpointManifest> Manifests,
    int UnreadableCount,
    IReadOnlyList<CheckpointManifest> Quarantined,
    IReadOnlyList<StorageEntry> DataFolders,
    IReadOnlyList<StorageEntry> Drafts,
    DateTimeOffset Now);

/// <summary>What to remove, and what must be seen to be valid first. Pure.</summary>
/// <param name="Keep">Checkpoints that stay, newest first.</param>
/// <param name="Remove">Checkpoints to remove, oldest first.</param>
/// <param name="OrphanFolders">Folders in <c>data/</c> that no manifest names.</param>
/// <param name="OldDrafts">Files in <c>tmp/</c> that a crash left.</param>
internal sealed record RetentionPlan(
    IReadOnlyList<CheckpointManifest> Keep,
    IReadOnlyList<CheckpointManifest> Remove,
    IReadOnlyList<string> OrphanFolders,
    IReadOnlyList<string> OldDrafts)
{
    /// <summary>Fewest checkpoints that stay: one to use, one to fall back to.</summary>
    internal const int MinimumKept = 2;

    /// <summary>Age from which a folder without a manifest can be no save in progress.</summary>
    internal static readonly TimeSpan OrphanAge = TimeSpan.FromHours(1);

    /// <summary>Decides.</summary>
    /// <param name="state">What is there.</param>
    /// <param name="keepLast">Newest checkpoints to keep; less than two counts as two.</param>
    /// <param name="generation">The live generation: its folders are never orphans.</param>
    /// <param name="baseSeq">The checkpoint it stands on; 0 for none.</param>
    internal static RetentionPlan Decide(RetentionState state, int keepLast, long generation, long baseSeq)
    {
        var newestFirst = state.Manifests.OrderByDescending(m => m.Seq).ToList();
        var newest = newestFirst.Take(Math.Max(keepLast, MinimumKept)).ToHashSet();
        var keep = newestFirst.Where(m => newest.Contains(m) || m.Kind == CheckpointKind.Final || m.Seq == baseSeq).ToList();
        var remove = newestFirst.Except(keep).OrderBy(m => m.Seq).ToList();

        var named = state.Manifests.Concat(state.Quarantined)
            .Select(m => CheckpointPaths.DataFolderName(m.Generation, m.Step, m.Attempt))
            .ToHashSet(StringComparer.Ordinal);
        bool IsOld(StorageEntry entry) => state.Now - entry.ModifiedUtc > OrphanAge;
        bool IsOrphan(StorageEntry entry)
            => entry.IsDirectory && CheckpointPaths.ParseDataFolderName(entry.Name) < generation && !named.Contains(entry.Name) && IsOld(entry);

        // A log that lists empty, or has an unreadable manifest, may only look as if nothing named a folder.
        var logIsKnown = state.Manifests.Count > 0 && state.UnreadableCount == 0;
        return new RetentionPlan(
            keep,
            remove,
            logIsKnown ? [.. state.DataFolders.Where(IsOrphan).Select(e => e.Name)] : [],
            [.. state.Drafts.Where(e => !e.IsDirectory && Guid.TryParseExact(e.Name, "N", out _) && IsOld(e)).Select(e => e.Name)]);
    }
}
