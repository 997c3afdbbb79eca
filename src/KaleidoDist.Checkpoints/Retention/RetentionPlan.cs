using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What a run folder holds, as retention sees it.</summary>
internal sealed record RetentionState
{
    /// <summary>Readable manifests of the log.</summary>
    internal required IReadOnlyList<CheckpointManifest> Manifests { get; init; }

    /// <summary>Manifests of the log that could not be read: they may name any folder.</summary>
    internal int UnreadableCount { get; init; }

    /// <summary>Readable manifests in quarantine.</summary>
    internal IReadOnlyList<CheckpointManifest> Quarantined { get; init; } = [];

    /// <summary>Numbers that somebody pinned.</summary>
    internal IReadOnlyCollection<long> Pinned { get; init; } = [];

    /// <summary>Numbers that the run's leader counts on, where that is somebody else.</summary>
    internal IReadOnlyCollection<long> CountedOn { get; init; } = [];

    /// <summary>Everything in <c>data/</c>.</summary>
    internal IReadOnlyList<StorageEntry> DataFolders { get; init; } = [];

    /// <summary>Everything in <c>tmp/</c>.</summary>
    internal IReadOnlyList<StorageEntry> Drafts { get; init; } = [];

    /// <summary>Time by the clock of the store.</summary>
    internal DateTimeOffset Now { get; init; }

    /// <summary>Whether a save waits for room: one fewer of the newest stays, as if it were there, and orphans need not be as old.</summary>
    internal bool IsSaveWaiting { get; init; }
}

/// <summary>A checkpoint that stays.</summary>
/// <param name="Manifest">It.</param>
/// <param name="Why">All reasons, as words: <c>newest 3, pinned</c>.</param>
/// <param name="IsSuperseded">Whether the run went on without it: then it is no fallback.</param>
public sealed record KeptCheckpoint(CheckpointManifest Manifest, string Why, bool IsSuperseded);

/// <summary>What to remove, and what stays for which reason. Pure.</summary>
/// <param name="Keep">Checkpoints that stay, newest first.</param>
/// <param name="Remove">Checkpoints to remove, oldest first.</param>
/// <param name="OrphanFolders">Folders in <c>data/</c> that no manifest names.</param>
/// <param name="OldDrafts">Files in <c>tmp/</c> that a crash left.</param>
public sealed record RetentionPlan(
    IReadOnlyList<KeptCheckpoint> Keep,
    IReadOnlyList<CheckpointManifest> Remove,
    IReadOnlyList<string> OrphanFolders,
    IReadOnlyList<string> OldDrafts)
{
    /// <summary>Fewest checkpoints that stay: one to use, one to fall back to.</summary>
    public const int MinimumKept = 2;

    /// <summary>Age from which a folder without a manifest can be no save in progress.</summary>
    internal static readonly TimeSpan OrphanAge = TimeSpan.FromHours(1);

    /// <summary>
    /// The same where a save waits for room. A coordinator of before could name such a folder yet, if it was stopped for so long between its last look at the files and its
    /// commit; the manifest would be found damaged, and the one before it used. A run that is never saved again because of what broken saves left is worse.
    /// </summary>
    internal static readonly TimeSpan UrgentOrphanAge = TimeSpan.FromMinutes(1);

    /// <summary>Decides.</summary>
    /// <param name="state">What is there.</param>
    /// <param name="policy">What is worth keeping.</param>
    /// <param name="generation">The live generation: its folders are never orphans.</param>
    /// <param name="baseSeq">The checkpoint it stands on; 0 for none.</param>
    internal static RetentionPlan Decide(RetentionState state, RetentionPolicy policy, long generation, long baseSeq)
    {
        var newestFirst = state.Manifests.OrderByDescending(m => m.Seq).ToList();
        var superseded = HistoryLine.Superseded(state.Manifests.Concat(state.Quarantined));
        var line = newestFirst.Where(m => !superseded.Contains(m.Seq)).ToList();
        var reasons = newestFirst.ToDictionary(m => m.Seq, _ => new List<string>());
        void Keep(IEnumerable<CheckpointManifest> kept, string why)
        {
            foreach (var manifest in kept)
                reasons[manifest.Seq].Add(why);
        }

        var last = Math.Max(policy.KeepLast - (state.IsSaveWaiting ? 1 : 0), MinimumKept);
        Keep(line.Take(last), $"newest {last}");
        if (policy.KeepEvery is { } span)
            Keep(line.DistinctBy(m => m.CreatedUtc.UtcTicks / span.Ticks), $"newest of its {DurationText.Of(span)}");
        if (policy.KeepBest is { } best)
            Keep(Best(line, best), $"best {best.Count} by {best.Metric}");
        Keep(newestFirst.Where(m => m.Kind == CheckpointKind.Final), "final");
        Keep(newestFirst.Where(m => m.ForkedFrom is not null), "the run was forked from it");
        Keep(newestFirst.Where(m => state.Pinned.Contains(m.Seq)), "pinned");
        Keep(newestFirst.Where(m => m.Seq == baseSeq), "the run stands on it");
        Keep(newestFirst.Where(m => state.CountedOn.Contains(m.Seq)), "its job counts on it");
        Keep(line.Where(m => m.Seq < baseSeq).Take(1), "fallback of the one the run stands on");

        // A log that lists empty, or has an unreadable manifest, may only look as if nothing named a folder.
        var logIsKnown = state.Manifests.Count > 0 && state.UnreadableCount == 0;
        return new RetentionPlan(
            [.. newestFirst.Where(m => reasons[m.Seq].Count > 0).Select(m => new KeptCheckpoint(m, string.Join(", ", reasons[m.Seq]), superseded.Contains(m.Seq)))],
            [.. newestFirst.Where(m => reasons[m.Seq].Count == 0).Reverse()],
            logIsKnown ? [.. Orphans(state, generation)] : [],
            [.. state.Drafts.Where(e => !e.IsDirectory && Guid.TryParseExact(e.Name, "N", out _) && IsOlder(state, e, OrphanAge)).Select(e => e.Name)]);
    }

    /// <summary>Of equal values the newer; what was not measured, or is no number, is never among the best.</summary>
    private static IEnumerable<CheckpointManifest> Best(IEnumerable<CheckpointManifest> newestFirst, KeepBestSpec best)
        => newestFirst
            .Where(m => m.Metrics.TryGetValue(best.Metric, out var value) && double.IsFinite(value))
            .OrderBy(m => best.HigherIsBetter ? -m.Metrics[best.Metric] : m.Metrics[best.Metric])
            .Take(best.Count);

    /// <summary>Folders of older generations that nothing names, and that are too old to be a save in progress.</summary>
    private static IEnumerable<string> Orphans(RetentionState state, long generation)
    {
        var named = state.Manifests.Concat(state.Quarantined)
            .Select(m => CheckpointPaths.DataFolderName(m.Generation, m.Step, m.Attempt))
            .ToHashSet(StringComparer.Ordinal);
        return state.DataFolders
            .Where(e => e.IsDirectory && CheckpointPaths.ParseDataFolderName(e.Name) < generation && !named.Contains(e.Name) && IsOlder(state, e, state.IsSaveWaiting ? UrgentOrphanAge : OrphanAge))
            .Select(e => e.Name);
    }

    private static bool IsOlder(RetentionState state, StorageEntry entry, TimeSpan age) => state.Now - entry.ModifiedUtc > age;
}
