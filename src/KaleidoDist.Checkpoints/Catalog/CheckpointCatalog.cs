using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>One number of the log.</summary>
/// <param name="Seq">The number.</param>
/// <param name="Manifest">Its manifest; null when that is damaged.</param>
/// <param name="Problem">What is wrong with the manifest; null when nothing. Files were not looked at.</param>
public sealed record CheckpointListing(long Seq, CheckpointManifest? Manifest, string? Problem);

/// <summary>
/// The checkpoints of a run, as its coordinator sees them. Reads need no lock; <see cref="Commit"/>, <see cref="FindLatestValid"/> and
/// <see cref="ApplyRetention"/> are for the one who leads the job, one call at a time (a second leader is found out by <see cref="Commit"/>).
/// </summary>
/// <param name="runDirectory">The run folder.</param>
/// <param name="time">Clock of the manifests' time of commit.</param>
/// <param name="storage">Where they are; the POSIX file system unless given.</param>
public sealed class CheckpointCatalog(string runDirectory, TimeProvider time, IStorage? storage = null)
{
    private readonly CheckpointPaths paths = new(runDirectory);
    private readonly IStorage storage = storage ?? CheckpointStores.Of(runDirectory);
    private readonly HashSet<long> verified = [];

    private ManifestLog Log => new(paths, storage);

    private CheckpointVerifier Verifier => new(paths, storage, Log);

    private CheckpointMarks Pins => new(paths.Pins, storage);

    private CheckpointMarks Bases => new(paths.Bases, storage);

    private CheckpointRetention Retention => new(paths, storage, Log, Pins, Bases, seq => verified.Contains(seq) || (Verify(seq).IsValid && verified.Add(seq)));

    /// <summary>All numbers of the log, ascending. Reads manifests only.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyList<CheckpointListing> List() => [.. Log.Numbers().Select(Listing)];

    /// <summary>All numbers of the log, ascending; reads nothing else.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyList<long> Numbers() => Log.Numbers();

    /// <summary>All numbers of the log, descending, each read when it is asked for.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IEnumerable<CheckpointListing> NewestFirst() => Log.Numbers().Reverse().Select(Listing);

    /// <summary>The manifest of one checkpoint.</summary>
    /// <exception cref="KaleidoException">There is none of this number, or it is damaged.</exception>
    public CheckpointManifest Read(long seq)
    {
        var listing = Listing(seq);
        return listing.Manifest ?? throw new KaleidoException(
            $"Checkpoint {seq} of '{paths.Run}' cannot be read: {listing.Problem}. 'kaleido checkpoint list {paths.Run}' shows those that can.");
    }

    /// <summary>Reads all bytes of one checkpoint and compares them with what was committed. Changes nothing.</summary>
    public CheckpointVerification Verify(long seq) => Verifier.Verify(seq);

    /// <summary>
    /// The newest checkpoint of the run's line that is whole, with everything verified. Newer ones that are not are reported, and their manifests moved to
    /// quarantine when the content is proven wrong. Those that a later one superseded are passed over.
    /// </summary>
    /// <param name="expectations">What it must agree with; null for nothing.</param>
    /// <param name="maxLostSteps">Most steps to be repeated because of damage; null for any number. Beyond that nothing is moved, and the user decides.</param>
    /// <exception cref="KaleidoException">
    /// There are checkpoints, but none is valid (starting over is the user's decision); or the newest valid one is too old; or it is of another job.
    /// </exception>
    public CheckpointSelection FindLatestValid(CheckpointExpectations? expectations = null, long? maxLostSteps = null)
    {
        var failed = new List<CheckpointVerification>();
        var numbers = Log.Numbers();
        var last = numbers.Concat(Log.QuarantinedNumbers()).DefaultIfEmpty(0).Max();
        foreach (var seq in Line())
        {
            var verification = Verifier.Verify(seq);
            if (!verification.IsValid)
            {
                failed.Add(verification);
                continue;
            }

            var manifest = verification.Manifest!;
            expectations?.Require(manifest, paths.Run);
            RequireFewLost(failed, manifest, maxLostSteps);
            var damages = Damages(failed, manifest);
            return new CheckpointSelection(manifest, Head(manifest), damages);
        }

        if (last == 0)
            return new CheckpointSelection(null, CheckpointHead.Empty, []);
        var first = Damages(failed, used: null).FirstOrDefault()?.Message ?? $"All were moved to '{paths.Quarantine}' before.";
        throw new KaleidoException(
            $"None of the checkpoints of '{paths.Run}' is valid. {first} Expected at least one. Restore the folder from a copy, or start over in another one.");
    }

    /// <summary>Numbers that no later checkpoint superseded, newest first: what a resume looks at.</summary>
    public IReadOnlyList<long> Line()
    {
        var numbers = Log.Numbers();
        var manifests = numbers.Select(Log.TryRead).Concat(Log.QuarantinedNumbers().Select(Log.ReadQuarantined));
        var superseded = HistoryLine.Superseded(manifests.OfType<CheckpointManifest>());
        return [.. numbers.Where(s => !superseded.Contains(s)).Reverse()];
    }

    /// <summary>One checkpoint and no other, with everything verified: the next commit continues it and supersedes all later ones.</summary>
    /// <param name="seq">Its number; one that was superseded before is as good as any.</param>
    /// <param name="expectations">What it must agree with; null for nothing.</param>
    /// <exception cref="KaleidoException">There is none of this number, it is damaged, or it is of another job.</exception>
    public CheckpointSelection FindValid(long seq, CheckpointExpectations? expectations = null)
    {
        var manifest = Read(seq);
        expectations?.Require(manifest, paths.Run);
        if (Verifier.Verify(seq).Problems is [var problem, ..])
        {
            throw new KaleidoException(
                $"{problem.Code} Checkpoint {seq} of '{paths.Run}' is damaged ({problem.File}: {problem.Text}); it cannot be gone on from. 'kaleido checkpoint verify {paths.Run}' shows those that are whole.");
        }

        return new CheckpointSelection(manifest, Head(manifest), []);
    }

    /// <summary>
    /// Makes a proposal a checkpoint, durably. Nobody is to be told before this returns <see cref="CommitResult.Committed"/>;
    /// the lineage for the next one is then <see cref="CheckpointLineage.After"/>.
    /// </summary>
    /// <exception cref="CheckpointWriteException">The storage failed. Whether it was committed shows when history is read anew: start a new generation.</exception>
    public CommitResult Commit(CheckpointProposalData proposal, CheckpointLineage lineage)
    {
        try
        {
            return new CheckpointCommit(paths, storage, Log, time).Commit(proposal, lineage);
        }
        catch (IOException error)
        {
            throw CheckpointWriteException.Failed(paths.Run, proposal.Step, proposal.Files.Sum(f => f.Bytes), error);
        }
    }

    /// <summary>
    /// Removes what is no longer needed: checkpoints that no rule of the policy keeps, and folders of older generations that no manifest names. Nothing goes
    /// before two of those that stay have been read back and verified.
    /// </summary>
    /// <param name="policy">What is kept; besides: the one the live generation stands on, and its fallback.</param>
    /// <param name="lineage">The live generation.</param>
    /// <exception cref="IOException">The storage failed; at most orphans are left.</exception>
    public RetentionReport ApplyRetention(RetentionPolicy policy, CheckpointLineage lineage)
        => Retention.Apply(policy, new RetentionOccasion(lineage.Generation, lineage.Head.Seq, IsLeader: true));

    /// <summary>
    /// <see cref="ApplyRetention"/> before a commit instead of after it, for a save that found no room: what would be too many of the newest with it goes already
    /// now. Two that have been read back and are valid stay all the same.
    /// </summary>
    /// <param name="policy">What is kept.</param>
    /// <param name="lineage">The live generation.</param>
    /// <exception cref="IOException">The storage failed; at most orphans are left.</exception>
    public RetentionReport MakeRoom(RetentionPolicy policy, CheckpointLineage lineage)
        => Retention.Apply(policy, new RetentionOccasion(lineage.Generation, lineage.Head.Seq, IsLeader: true, IsSaveWaiting: true));

    /// <summary>What <see cref="Prune"/> would remove now, and why the others stay. Changes nothing.</summary>
    public RetentionPlan PlanRetention(RetentionPolicy policy) => Retention.Plan(policy, Beside(), time.GetUtcNow());

    /// <summary><see cref="ApplyRetention"/> by one who does not lead the run, at rest or not: it stands on its newest checkpoint, and what its leader counts on stays.</summary>
    /// <exception cref="IOException">The storage failed; at most orphans are left.</exception>
    public RetentionReport Prune(RetentionPolicy policy) => Retention.Apply(policy, Beside());

    /// <summary>
    /// Says, for who leads the run, that its job goes on from this checkpoint, so that nobody removes it before the first commit; what it said before counts
    /// no more. Where the run cannot be written to, nobody removes anything either.
    /// </summary>
    /// <returns>False when it was removed before: choose again.</returns>
    public bool StandOn(long seq)
    {
        try
        {
            Bases.Set([seq]);
        }
        catch (Exception error) when (error is PosixException or ObjectStoreException)
        {
        }

        return Log.Numbers().Contains(seq);
    }

    /// <summary>Numbers that are kept whatever the policy says, ascending.</summary>
    public IReadOnlyList<long> Pinned() => Pins.Numbers();

    /// <summary>Keeps a checkpoint until it is unpinned; false when it was pinned before. Works beside a running job.</summary>
    /// <exception cref="KaleidoException">There is none of this number, or it is damaged.</exception>
    public bool Pin(long seq)
    {
        Read(seq);
        var isNew = Pins.Add(seq);
        if (Listing(seq).Manifest is not null)
            return isNew;
        Pins.Remove(seq);
        throw new KaleidoException($"Checkpoint {seq} of '{paths.Run}' was removed by the running job while it was being pinned. Pin a newer one.");
    }

    /// <summary>Lets retention have a checkpoint again; false when it was not pinned.</summary>
    public bool Unpin(long seq) => Pins.Remove(seq);

    /// <summary>Where history stands for who goes on from a verified checkpoint.</summary>
    private CheckpointHead Head(CheckpointManifest manifest)
    {
        verified.Add(manifest.Seq);
        long[] known = [.. Log.Numbers().Concat(Log.QuarantinedNumbers()).Distinct().Order()];
        return new CheckpointHead(manifest.Seq, manifest.Self, known[^1], [.. known.Where(s => s > manifest.Seq)]);
    }

    /// <summary>Newest generation that left a trace, and newest readable checkpoint.</summary>
    private RetentionOccasion Beside()
    {
        var manifests = Log.Numbers().Select(Log.TryRead).OfType<CheckpointManifest>().ToList();
        var folders = storage.List(paths.Data).Select(e => CheckpointPaths.ParseDataFolderName(e.Name)).OfType<long>();
        return new RetentionOccasion(manifests.Select(m => m.Generation).Concat(folders).DefaultIfEmpty(0).Max(), manifests.Count > 0 ? manifests[^1].Seq : 0, IsLeader: false);
    }

    private CheckpointListing Listing(long seq)
    {
        try
        {
            return Log.Read(seq) is { } manifest ? new CheckpointListing(seq, manifest, null) : new CheckpointListing(seq, null, "there is none of this number");
        }
        catch (InvalidDataException error)
        {
            return new CheckpointListing(seq, null, $"its manifest is damaged, {error.Message}");
        }
    }

    private bool TryQuarantine(CheckpointVerification verification)
    {
        if (!verification.Problems.Any(p => p.IsProven))
            return false;
        try
        {
            Log.MoveToQuarantine(verification.Seq);
            return true;
        }
        catch (Exception error) when (error is PosixException or ObjectStoreException)
        {
            // A folder that cannot be written can still be resumed from; the report says that nothing was moved.
            return false;
        }
    }

    /// <summary>A manifest that cannot be read says nothing of its step: then nobody knows that it is few.</summary>
    private void RequireFewLost(List<CheckpointVerification> failed, CheckpointManifest used, long? maxLostSteps)
    {
        if (failed is not [var newest, ..] || maxLostSteps is not { } most || newest.Manifest?.Step - used.Step <= most)
            return;
        var lost = newest.Manifest is { } manifest ? $"{manifest.Step - used.Step} steps" : "an unknown number of steps";
        throw new KaleidoException(
            $"{newest.Problems[0].Code} Checkpoint {newest.Seq} of '{paths.Run}' is damaged ({newest.Problems[0].File}: {newest.Problems[0].Text}); going on from {used.Seq} would repeat {lost}, "
            + $"expected at most {most} (checkpoint.max_lost_steps). Restore it from a copy, or accept the loss with --resume {used.Seq}.");
    }

    /// <summary>What is wrong with each, moved out of the log where that is proven.</summary>
    private List<CheckpointDamage> Damages(List<CheckpointVerification> failed, CheckpointManifest? used)
        => [.. failed.Select(f => new CheckpointDamage(
            f.Seq,
            f.Manifest?.Step,
            f.Problems.FirstOrDefault(p => p.IsProven) ?? f.Problems[0],
            used?.Seq ?? 0,
            f.Manifest?.Step - (used?.Step ?? 0),
            TryQuarantine(f)))];
}
