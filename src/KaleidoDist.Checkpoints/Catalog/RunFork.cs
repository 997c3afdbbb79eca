using System.IO.Hashing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Begins a run with a checkpoint of another one as its first: files are linked where the file system can, else copied, from one store to another too.</summary>
/// <param name="runDirectory">The new run's folder.</param>
/// <param name="time">Clock of the manifest.</param>
/// <param name="storage">Where the new run is; as its name says unless given.</param>
/// <param name="sourceStorage">Where the other one is; with the new one if that is given, else as its name says.</param>
public sealed class RunFork(string runDirectory, TimeProvider time, IStorage? storage = null, IStorage? sourceStorage = null)
{
    private const int CopyBytes = 8 << 20;
    private const int MaxAttemptsTried = 1000;
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage? givenSource = sourceStorage ?? storage;
    private readonly IStorage storage = storage ?? CheckpointStores.Of(runDirectory);

    /// <summary>Forks. A run that was forked from the same checkpoint before is left as it is, so that the same command goes on with it.</summary>
    /// <param name="source">The checkpoint to fork from; without a number the newest valid one.</param>
    /// <param name="writer">Identity of this process, for the manifest.</param>
    /// <returns>The first checkpoint of the new run; null when the run was there already.</returns>
    /// <exception cref="KaleidoException">The source is not valid, or the new run holds something else.</exception>
    /// <exception cref="IOException">The storage failed; the same call may be tried again.</exception>
    public CheckpointManifest? Create(CheckpointReference source, string writer)
    {
        var sourceRun = CheckpointStores.Absolute(source.Run);
        var sourceStore = givenSource ?? CheckpointStores.Of(sourceRun);
        var catalog = new CheckpointCatalog(paths.Run, time, storage);
        if (catalog.List() is { Count: > 0 } present)
        {
            RequireFork(present, sourceRun, source.Seq);
            return null;
        }

        var original = Select(new CheckpointCatalog(sourceRun, time, sourceStore), sourceRun, source.Seq);
        var attempt = Place(sourceStore, new CheckpointPaths(sourceRun).DataFolder(original), original);
        return catalog.Commit(Proposal(original, attempt, sourceRun), Lineage(original, writer)) switch
        {
            CommitResult.Committed committed => committed.Manifest,
            CommitResult.Refused refused => throw new KaleidoException($"'{paths.Run}' cannot be forked from '{sourceRun}': {refused.Reason}"),
            _ => throw new KaleidoException($"'{paths.Run}' got a checkpoint while it was being forked from '{sourceRun}'; expected to be alone. Is another program using it?"),
        };
    }

    private void RequireFork(IReadOnlyList<CheckpointListing> present, string sourceRun, long? seq)
    {
        if (present.Select(l => l.Manifest?.ForkedFrom).OfType<CheckpointOrigin>().Any(o => o.Run == sourceRun && o.Seq == (seq ?? o.Seq)))
            return;
        throw KaleidoException.Usage(
            $"'{paths.Run}' holds {present.Count} checkpoints that were not forked from '{sourceRun}{(seq is null ? "" : $"@{seq}")}'; nothing is overwritten. "
            + "Name an empty checkpoint.uri, or leave --fork-from away to go on with the run.");
    }

    /// <summary>The verified source. Nothing there is changed, whatever is found.</summary>
    private static CheckpointManifest Select(CheckpointCatalog source, string sourceRun, long? seq)
    {
        if (seq is { } wanted)
            return source.FindValid(wanted).Manifest!;
        foreach (var newest in source.Line())
        {
            if (source.Verify(newest) is { IsValid: true, Manifest: { } manifest })
                return manifest;
        }

        throw new KaleidoException($"'{sourceRun}' has no valid checkpoint to fork from; expected at least one. 'kaleido checkpoint verify {sourceRun}' shows what is wrong.");
    }

    /// <summary>Puts the files into a data folder of the new run, durably; returns the attempt number that was free.</summary>
    private int Place(IStorage sourceStore, string sourceFolder, CheckpointManifest original)
    {
        paths.EnsureFolders(storage);
        for (var attempt = 1; attempt <= MaxAttemptsTried; attempt++)
        {
            var folder = paths.DataFolder(original.Generation, original.Step, attempt);
            if (!storage.TryCreateDirectory(folder))
                continue;
            storage.SyncDirectory(paths.Data);
            foreach (var file in original.Files)
                LinkOrCopy(sourceStore, Path.Combine(sourceFolder, file.Name), Path.Combine(folder, file.Name), file);
            storage.SyncDirectory(folder);
            return attempt;
        }

        throw new IOException($"All {MaxAttemptsTried} attempts at step {original.Step} of generation {original.Generation} have a folder in '{paths.Data}'.");
    }

    private void LinkOrCopy(IStorage sourceStore, string from, string to, CheckpointFile expected)
    {
        if (sourceStore != storage)
        {
            Copy(sourceStore, from, to, expected);
            return;
        }

        try
        {
            storage.TryLink(from, to);
        }
        catch (PosixException)
        {
            Copy(storage, from, to, expected); // Another file system, or one without links.
        }
    }

    private void Copy(IStorage sourceStore, string from, string to, CheckpointFile expected)
    {
        using var reader = sourceStore.OpenRead(from) ?? throw new IOException($"'{from}' is missing.");
        using var file = storage.Create(to);
        file.Preallocate(reader.Length);
        var hash = new XxHash128();
        var buffer = new byte[Math.Clamp(reader.Length, 1, CopyBytes)];
        for (long offset = 0; reader.Read(offset, buffer) is > 0 and var count; offset += count)
        {
            hash.Append(buffer.AsSpan(0, count));
            file.Write(buffer.AsSpan(0, count));
        }

        file.Sync();
        file.Close();
        if (Convert.ToHexStringLower(hash.GetCurrentHash()) is var found && found != expected.Xxh128)
            throw new IOException($"'{from}' changed while it was copied: its xxh128 is {found}, expected {expected.Xxh128}.");
    }

    private static CheckpointProposalData Proposal(CheckpointManifest original, int attempt, string sourceRun) => new()
    {
        Generation = original.Generation,
        Attempt = attempt,
        Directory = CheckpointPaths.DataFolderName(original.Generation, original.Step, attempt),
        Step = original.Step,
        Epoch = original.Data.Epoch,
        StepInEpoch = original.Data.StepInEpoch,
        Samples = original.SamplesConsumed,
        Kind = CheckpointKind.Periodic,
        Files = original.Files,
        WeightsXxh128 = original.WeightsXxh128,
        Metrics = original.Metrics,
        ForkedFrom = new CheckpointOrigin(sourceRun, original.JobId, original.Seq, original.Self!),
    };

    private static CheckpointLineage Lineage(CheckpointManifest original, string writer) => new(
        new CheckpointJob
        {
            JobId = original.JobId,
            VirtualRanks = original.VirtualRanks,
            GlobalBatch = original.GlobalBatch,
            ThreadsPerRank = original.ThreadsPerRank,
            DatasetFingerprint = original.Data.DatasetFingerprint,
            Order = original.Data.Order,
            Seed = original.Data.Seed,
            ConfigHash = original.ConfigHash,
            Software = original.Software,
        },
        original.Generation,
        original.WorldSize,
        writer,
        CheckpointHead.Empty);
}
