using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What retention did.</summary>
/// <param name="RemovedSeqs">Checkpoints removed, oldest first.</param>
/// <param name="RemovedFolders">Data folders removed: theirs and orphans.</param>
/// <param name="Withheld">Why nothing was removed although something was due, as one sentence; null otherwise.</param>
public sealed record RetentionReport(IReadOnlyList<long> RemovedSeqs, IReadOnlyList<string> RemovedFolders, string? Withheld);

/// <summary>Carries a <see cref="RetentionPlan"/> out: manifest first, durably, then its data, so that a crash leaves at most orphans.</summary>
/// <param name="paths">The run folder.</param>
/// <param name="storage">Where it is.</param>
/// <param name="log">Its manifests.</param>
/// <param name="pins">What somebody wants kept.</param>
/// <param name="isVerified">Whether a checkpoint has been read back and is valid; reads it if nobody has yet.</param>
internal sealed class CheckpointRetention(CheckpointPaths paths, IStorage storage, ManifestLog log, CheckpointPins pins, Predicate<long> isVerified)
{
    /// <summary>No save takes this long: what was begun before and is not complete belongs to nobody (RELIABILITY R12).</summary>
    private static readonly TimeSpan UnfinishedAge = TimeSpan.FromHours(24);

    /// <summary>Decides only.</summary>
    internal RetentionPlan Plan(RetentionPolicy policy, long generation, long baseSeq, DateTimeOffset now, bool isSaveWaiting = false)
        => RetentionPlan.Decide(Observe(now) with { IsSaveWaiting = isSaveWaiting }, policy, generation, baseSeq);

    /// <summary>Decides and removes.</summary>
    internal RetentionReport Apply(RetentionPolicy policy, long generation, long baseSeq, bool isSaveWaiting = false)
    {
        var now = StoreTime();
        storage.CollectUnfinished(paths.Data, now - UnfinishedAge);
        var plan = Plan(policy, generation, baseSeq, now, isSaveWaiting);
        foreach (var draft in plan.OldDrafts)
            storage.Delete(Path.Combine(paths.Temporary, draft));
        if (plan.Remove.Count == 0 && plan.OrphanFolders.Count == 0)
            return new RetentionReport([], [], null);
        if (plan.Remove.Count > 0 && !HasFallback(plan.Keep))
        {
            return new RetentionReport(
                [],
                [],
                $"{plan.Remove.Count} old checkpoints of '{paths.Run}' stay: fewer than {RetentionPlan.MinimumKept} newer ones are valid. "
                + $"Run 'kaleido checkpoint verify {paths.Run}'.");
        }

        var removed = new List<string>();
        var removedSeqs = new List<long>();
        foreach (var manifest in plan.Remove)
        {
            // Somebody may have pinned it since the plan was made.
            if (pins.Contains(manifest.Seq))
                continue;
            storage.Delete(paths.Manifest(manifest.Seq));
            storage.SyncDirectory(paths.Log);
            RemoveFolder(CheckpointPaths.DataFolderName(manifest.Generation, manifest.Step, manifest.Attempt), removed);
            removedSeqs.Add(manifest.Seq);
        }

        foreach (var orphan in plan.OrphanFolders)
            RemoveFolder(orphan, removed);
        return new RetentionReport(removedSeqs, removed, null);
    }

    private RetentionState Observe(DateTimeOffset now)
    {
        var readable = new List<CheckpointManifest>();
        var unreadableCount = 0;
        foreach (var seq in log.Numbers())
        {
            try
            {
                if (log.Read(seq) is { } manifest)
                    readable.Add(manifest);
            }
            catch (InvalidDataException)
            {
                unreadableCount++;
            }
        }

        return new RetentionState
        {
            Manifests = readable,
            UnreadableCount = unreadableCount,
            Quarantined = [.. log.QuarantinedNumbers().Select(log.ReadQuarantined).OfType<CheckpointManifest>()],
            Pinned = [.. pins.Numbers()],
            DataFolders = storage.List(paths.Data),
            Drafts = storage.List(paths.Temporary),
            Now = now,
        };
    }

    /// <summary>Time by the store's own clock, which may differ from ours: that of a file made just now. Where there is no room for one, a time at which nothing is old.</summary>
    private DateTimeOffset StoreTime()
    {
        var name = Guid.NewGuid().ToString("N");
        var path = Path.Combine(paths.Temporary, name);
        try
        {
            storage.EnsureDirectory(paths.Temporary);
            using var file = storage.Create(path);
            file.Close();
        }
        catch (PosixException error) when (error.Errno is Errno.ENOSPC or Errno.EDQUOT)
        {
            return DateTimeOffset.UnixEpoch;
        }

        var entry = storage.List(paths.Temporary).First(e => e.Name == name);
        storage.Delete(path);
        return entry.ModifiedUtc;
    }

    private bool HasFallback(IReadOnlyList<KeptCheckpoint> keep)
        => keep.Where(k => !k.IsSuperseded && isVerified(k.Manifest.Seq)).Take(RetentionPlan.MinimumKept).Count() == RetentionPlan.MinimumKept;

    /// <summary>Removes a data folder's own files and the folder; one that holds a name of somebody else stays.</summary>
    private void RemoveFolder(string name, List<string> removed)
    {
        var folder = Path.Combine(paths.Data, name);
        var entries = storage.List(folder);
        foreach (var entry in entries.Where(e => ShardNames.PartOf(e.Name) is not null))
            storage.Delete(Path.Combine(folder, entry.Name));
        if (entries.Any(e => ShardNames.PartOf(e.Name) is null) || !storage.List(paths.Data).Any(e => e.Name == name))
            return;
        storage.DeleteDirectory(folder);
        removed.Add(name);
    }
}
