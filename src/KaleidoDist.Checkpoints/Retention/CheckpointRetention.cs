using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What retention did.</summary>
/// <param name="RemovedSeqs">Checkpoints removed, oldest first.</param>
/// <param name="RemovedFolders">Data folders removed: theirs and orphans.</param>
/// <param name="Withheld">Why nothing was removed although something was due, as one sentence; null otherwise.</param>
public sealed record RetentionReport(IReadOnlyList<long> RemovedSeqs, IReadOnlyList<string> RemovedFolders, string? Withheld);

/// <summary>For whom retention is applied.</summary>
/// <param name="Generation">The newest generation: its folders are never orphans.</param>
/// <param name="BaseSeq">The checkpoint it stands on; 0 for none.</param>
/// <param name="IsLeader">Whether it is led from here: then the marks in <c>bases/</c> are ours to set, else somebody else's to respect.</param>
/// <param name="IsSaveWaiting">Whether a save waits for room: it counts as the newest already.</param>
internal readonly record struct RetentionOccasion(long Generation, long BaseSeq, bool IsLeader, bool IsSaveWaiting = false);

/// <summary>
/// Carries a <see cref="RetentionPlan"/> out: manifest first, durably, then its data, so that a crash leaves at most orphans. Two programs may do so at
/// once, the run's leader and one that is not. They do each other no harm by these rules:
/// <list type="number">
/// <item>the leader marks in <c>bases/</c> what the run stands on, and two that it has read back, before it removes anything;</item>
/// <item>nobody removes what is marked or pinned: the marks are read once more after the manifest is gone and before its data goes;</item>
/// <item>who took the manifest away removes the data, and nobody else does; a name that is gone already is no error.</item>
/// </list>
/// </summary>
/// <param name="paths">The run folder.</param>
/// <param name="storage">Where it is.</param>
/// <param name="log">Its manifests.</param>
/// <param name="pins">What somebody wants kept.</param>
/// <param name="bases">What the run's leader counts on.</param>
/// <param name="isVerified">Whether a checkpoint has been read back and is valid; reads it if nobody has yet.</param>
internal sealed class CheckpointRetention(
    CheckpointPaths paths, IStorage storage, ManifestLog log, CheckpointMarks pins, CheckpointMarks bases, Predicate<long> isVerified)
{
    /// <summary>No save takes this long: what was begun before and is not complete belongs to nobody (RELIABILITY R12).</summary>
    private static readonly TimeSpan UnfinishedAge = TimeSpan.FromHours(24);

    /// <summary>Decides only.</summary>
    internal RetentionPlan Plan(RetentionPolicy policy, RetentionOccasion occasion, DateTimeOffset now)
        => RetentionPlan.Decide(Observe(occasion, now), policy, occasion.Generation, occasion.BaseSeq);

    /// <summary>Decides and removes.</summary>
    internal RetentionReport Apply(RetentionPolicy policy, RetentionOccasion occasion)
    {
        var now = StoreTime();
        storage.CollectUnfinished(paths.Data, now - UnfinishedAge);
        var plan = Plan(policy, occasion, now);
        foreach (var draft in plan.OldDrafts)
            Delete(Path.Combine(paths.Temporary, draft));
        var fallbacks = plan.Remove.Count > 0 ? Fallbacks(plan.Keep) : [];
        if (occasion.IsLeader)
            Mark([.. fallbacks.Append(occasion.BaseSeq).Where(seq => seq > 0).Distinct()]);
        if (plan.Remove.Count == 0 && plan.OrphanFolders.Count == 0)
            return new RetentionReport([], [], null);
        if (plan.Remove.Count > 0 && fallbacks.Count(IsInLog) < RetentionPlan.MinimumKept)
        {
            return new RetentionReport(
                [],
                [],
                $"{plan.Remove.Count} old checkpoints of '{paths.Run}' stay: fewer than {RetentionPlan.MinimumKept} newer ones are valid. "
                + $"Run 'kaleido checkpoint verify {paths.Run}'.");
        }

        var removed = new List<string>();
        var removedSeqs = new List<long>();
        foreach (var manifest in plan.Remove.Where(m => TryTake(m.Seq, occasion)))
        {
            RemoveFolder(CheckpointPaths.DataFolderName(manifest.Generation, manifest.Step, manifest.Attempt), removed);
            removedSeqs.Add(manifest.Seq);
        }

        foreach (var orphan in plan.OrphanFolders)
            RemoveFolder(orphan, removed);
        return new RetentionReport(removedSeqs, removed, null);
    }

    private RetentionState Observe(RetentionOccasion occasion, DateTimeOffset now)
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
            CountedOn = occasion.IsLeader ? [] : [.. bases.Numbers()],
            DataFolders = storage.List(paths.Data),
            Drafts = storage.List(paths.Temporary),
            Now = now,
            IsSaveWaiting = occasion.IsSaveWaiting,
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
        catch (PosixException error) when (IsFull(error))
        {
            return DateTimeOffset.UnixEpoch;
        }

        var entry = storage.List(paths.Temporary).First(e => e.Name == name);
        storage.Delete(path);
        return entry.ModifiedUtc;
    }

    /// <summary>The newest of those that stay that have been read back and are valid; as many as are needed.</summary>
    private List<long> Fallbacks(IReadOnlyList<KeptCheckpoint> keep)
        => [.. keep.Where(k => !k.IsSuperseded).Select(k => k.Manifest.Seq).Where(seq => isVerified(seq)).Take(RetentionPlan.MinimumKept)];

    /// <summary>Where there is no room for a mark, none is made: then two programs at once are not safe from each other, but a save may get its room.</summary>
    private void Mark(IReadOnlyCollection<long> numbers)
    {
        try
        {
            bases.Set(numbers);
        }
        catch (PosixException error) when (IsFull(error))
        {
        }
    }

    private bool IsInLog(long seq)
    {
        using var manifest = storage.OpenRead(paths.Manifest(seq));
        return manifest is not null;
    }

    /// <summary>Takes a manifest out of the log, durably. False when it stays, since somebody counts on it, or when somebody else took it.</summary>
    private bool TryTake(long seq, RetentionOccasion occasion)
    {
        var path = paths.Manifest(seq);
        byte[] utf8;
        using (var file = storage.OpenRead(path))
        {
            if (file is null || IsMarked(seq, occasion))
                return false;
            utf8 = StoredFile.ReadAll(file);
        }

        if (!Delete(path))
            return false;
        storage.SyncDirectory(paths.Log);
        if (!IsMarked(seq, occasion))
            return true;
        log.Restore(seq, utf8);
        return false;
    }

    private bool IsMarked(long seq, RetentionOccasion occasion) => pins.Contains(seq) || (!occasion.IsLeader && bases.Contains(seq));

    /// <summary>Removes a data folder's own files and the folder; one that holds a name of somebody else stays.</summary>
    private void RemoveFolder(string name, List<string> removed)
    {
        var folder = Path.Combine(paths.Data, name);
        var entries = storage.List(folder);
        foreach (var entry in entries.Where(e => ShardNames.PartOf(e.Name) is not null))
            Delete(Path.Combine(folder, entry.Name));
        if (entries.Any(e => ShardNames.PartOf(e.Name) is null) || !storage.List(paths.Data).Any(e => e.Name == name))
            return;
        if (TryRemove(() => storage.DeleteDirectory(folder)))
            removed.Add(name);
    }

    /// <summary>Removes a file; false when it was gone.</summary>
    private bool Delete(string path) => TryRemove(() => storage.Delete(path));

    private static bool TryRemove(Action remove)
    {
        try
        {
            remove();
            return true;
        }
        catch (PosixException error) when (error.Errno == Errno.ENOENT)
        {
            return false;
        }
    }

    private static bool IsFull(PosixException error) => error.Errno is Errno.ENOSPC or Errno.EDQUOT;
}
