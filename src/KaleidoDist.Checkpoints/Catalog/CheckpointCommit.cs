using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// The coordinator's side of a save, after the rank's steps 1 and 2 (<see cref="CheckpointShardWriter"/>) and its proposal, step 3:
/// <list type="number">
/// <item value="4">the set of files is whole and has the proposed sizes; the manifest is built on the lineage's head;</item>
/// <item value="5">the manifest is written to <c>tmp/</c>, fsynced, and linked into <c>log/</c> under its number, which only one writer can do; the log is fsynced;</item>
/// <item value="6">only then is the result known to anybody.</item>
/// </list>
/// </summary>
internal sealed class CheckpointCommit(CheckpointPaths paths, IStorage storage, ManifestLog log, TimeProvider time)
{
    /// <summary>Commits a proposal.</summary>
    /// <exception cref="IOException">The storage failed. Whether the manifest exists is then unknown until history is read anew.</exception>
    internal CommitResult Commit(CheckpointProposalData proposal, CheckpointLineage lineage)
    {
        // 4. The files, and the place in history.
        if (WhatIsWrong(proposal, lineage) is { } reason)
            return new CommitResult.Refused(reason);
        var (modelHash, problem) = Inspect(proposal);
        if (modelHash is null)
            return new CommitResult.Refused(problem!);

        paths.EnsureFolders(storage);
        var last = log.Numbers().Concat(log.QuarantinedNumbers()).DefaultIfEmpty(0).Max();
        if (last > lineage.Head.LastSeq)
            return Earlier(proposal, lineage, last) is { } own ? new CommitResult.Committed(own) : new CommitResult.LostRace(last);

        // 5. The manifest.
        var (utf8, manifest) = CheckpointManifestJson.Encode(Manifest(proposal, lineage, modelHash));
        if (!Publish(utf8, manifest))
            return new CommitResult.LostRace(manifest.Seq);

        // 6. Known.
        return new CommitResult.Committed(manifest);
    }

    /// <summary>
    /// The manifest of this very proposal, which was committed before by one who could not tell anybody: its name may not be durable yet, and is before it is told now.
    /// </summary>
    private CheckpointManifest? Earlier(CheckpointProposalData proposal, CheckpointLineage lineage, long last)
    {
        if (last != lineage.Head.LastSeq + 1 || log.TryRead(last) is not { } manifest)
            return null;
        if ((manifest.Generation, manifest.Step, manifest.Attempt) != (proposal.Generation, proposal.Step, proposal.Attempt)
            || (manifest.ParentSeq, manifest.ParentHash) != (lineage.Head.Seq, lineage.Head.Hash))
            return null;
        storage.SyncDirectory(paths.Log);
        return manifest;
    }

    private static string? WhatIsWrong(CheckpointProposalData proposal, CheckpointLineage lineage)
    {
        if (proposal.Generation != lineage.Generation)
            return $"The proposal is of generation {proposal.Generation}; generation {lineage.Generation} is live.";
        if (proposal.Directory != CheckpointPaths.DataFolderName(proposal.Generation, proposal.Step, proposal.Attempt))
            return $"The folder '{proposal.Directory}' is not that of generation {proposal.Generation}, step {proposal.Step}, attempt {proposal.Attempt}.";
        if (ShardNames.WhatIsMissing(proposal.Files.Select(f => f.Name)) is { } missing)
            return $"The set of files in '{proposal.Directory}' is not whole: {missing}.";
        return null;
    }

    /// <summary>Compares the files' sizes with the proposal, and reads the model's form from their headers.</summary>
    private (string? ModelHash, string? Problem) Inspect(CheckpointProposalData proposal)
    {
        var weights = new List<(string Name, TensorType Type, IReadOnlyList<long> Shape)>();
        foreach (var expected in proposal.Files)
        {
            var path = Path.Combine(paths.Data, proposal.Directory, expected.Name);
            var file = storage.OpenRead(path);
            if (file is null)
                return (null, $"'{path}' was proposed, but is missing.");
            using (file)
            {
                if (file.Length != expected.Bytes)
                    return (null, $"'{path}' has {file.Length} bytes; {expected.Bytes} were proposed.");
                if (ShardNames.PartOf(expected.Name) != ShardNames.Model)
                    continue;
                try
                {
                    using var reader = SafetensorsReader.Open(file);
                    weights.AddRange(reader.Header.Entries.Select(e => (e.Name, e.Type, e.Shape)));
                }
                catch (InvalidDataException error)
                {
                    return (null, $"'{path}' cannot be trusted: {error.Message}.");
                }
            }
        }

        return (ModelHash.Compute(weights), null);
    }

    private CheckpointManifest Manifest(CheckpointProposalData proposal, CheckpointLineage lineage, string modelHash) => new()
    {
        Seq = lineage.Head.LastSeq + 1,
        ParentSeq = lineage.Head.Seq,
        ParentHash = lineage.Head.Hash,
        Supersedes = lineage.Head.Supersedes,
        JobId = lineage.Job.JobId,
        Generation = proposal.Generation,
        Attempt = proposal.Attempt,
        Writer = lineage.Writer,
        ForkedFrom = proposal.ForkedFrom,
        CreatedUtc = time.GetUtcNow().ToUniversalTime(),
        Kind = proposal.Kind,
        Step = proposal.Step,
        SamplesConsumed = proposal.Samples,
        WorldSize = lineage.WorldSize,
        VirtualRanks = lineage.Job.VirtualRanks,
        GlobalBatch = lineage.Job.GlobalBatch,
        ThreadsPerRank = lineage.Job.ThreadsPerRank,
        Data = new CheckpointDataState(lineage.Job.DatasetFingerprint, lineage.Job.Order, lineage.Job.Seed, proposal.Epoch, proposal.StepInEpoch),
        ConfigHash = lineage.Job.ConfigHash,
        ModelHash = modelHash,
        WeightsXxh128 = proposal.WeightsXxh128,
        Software = lineage.Job.Software,
        Metrics = proposal.Metrics,
        Files = [.. proposal.Files.OrderBy(f => f.Name, StringComparer.Ordinal)],
    };

    /// <summary>Writes the manifest where nobody looks, durably, then gives it its name in the log if that is free, durably.</summary>
    private bool Publish(byte[] utf8, CheckpointManifest manifest)
    {
        var draft = Path.Combine(paths.Temporary, Guid.NewGuid().ToString("N"));
        try
        {
            using (var file = storage.Create(draft))
            {
                file.Write(utf8);
                file.Sync();
                file.Close();
            }

            if (!storage.TryLink(draft, paths.Manifest(manifest.Seq)) && !IsOurs(manifest))
                return false;
            storage.SyncDirectory(paths.Log);
            return true;
        }
        finally
        {
            RemoveDraft(draft);
        }
    }

    /// <summary>Best effort: the draft decides nothing any more, and retention collects what stays.</summary>
    private void RemoveDraft(string draft)
    {
        try
        {
            storage.Delete(draft);
        }
        catch (IOException)
        {
        }
    }

    /// <summary>
    /// A taken name may be this very commit: network file systems repeat a link whose answer was lost, and report the second try.
    /// </summary>
    private bool IsOurs(CheckpointManifest manifest)
    {
        try
        {
            return log.Read(manifest.Seq)?.Self == manifest.Self;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
