using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Coordinator;

/// <summary>The ledger over a run folder's <see cref="CheckpointCatalog"/>.</summary>
internal sealed class CatalogLedger(CoordinatorOptions options, TimeProvider time) : ICheckpointLedger
{
    private const int MaxChoices = 3;
    private readonly ConcurrentDictionary<string, CheckpointCatalog> catalogs = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Probe(JobSpec spec)
    {
        try
        {
            new StoreProbe(spec.Checkpoint.Root).Run(spec.Checkpoint.SingleWriter);
        }
        catch (ObjectStoreException error)
        {
            throw KaleidoException.Usage(error.Message);
        }
        catch (IOException)
        {
            // A folder that cannot be written to now may be mended while the job trains: its first save says what is wrong.
        }
    }

    /// <inheritdoc/>
    public JobCommand.CheckpointFound FindLatestValid(JobState job)
    {
        var catalog = CatalogOf(job);
        var expectations = new CheckpointExpectations
        {
            DatasetFingerprint = job.Datasets.TrainFingerprint,
            Seed = job.Spec.Seed,
            GlobalBatch = job.Spec.Training.GlobalBatchSize,
            VirtualRanks = job.Spec.Training.VirtualRanks,
        };
        var selection = Select(catalog, job, expectations);
        var listed = catalog.List().Select(l => l.Manifest).OfType<CheckpointManifest>().ToArray();
        var traces = listed.Select(m => m.Generation).Concat(GenerationsOfData(job.Spec.Checkpoint.Root));
        return new JobCommand.CheckpointFound(
            selection.Manifest is { } chosen ? [.. listed.Where(m => m.Seq <= chosen.Seq).Select(Entry)] : [],
            Head(selection.Head),
            [.. selection.Damages.Select(d => d.Text)],
            traces.DefaultIfEmpty(0).Max(),
            job.ResumeSeq);
    }

    /// <inheritdoc/>
    public CommitOutcome Commit(JobState job, JobEffect.CommitCheckpoint proposal)
    {
        if (CheckpointKinds.Parse(proposal.Draft.Kind) is not { } kind)
            return new CommitOutcome.Refused($"its kind is '{proposal.Draft.Kind}'; expected periodic, preempt or final. Use one version of kaleido everywhere.", LostLineage: false);
        var catalog = CatalogOf(job);
        try
        {
            return catalog.Commit(Data(proposal, kind), Lineage(job, proposal.Generation, proposal.WorldSize, proposal.Head)) switch
            {
                CommitResult.Committed committed => Committed(committed.Manifest),
                CommitResult.LostRace lost => new CommitOutcome.Refused($"KD-C120 checkpoint {lost.Seq} of '{job.Spec.Checkpoint.Root}' was committed by someone else; is the run led by two coordinators?", LostLineage: true),
                CommitResult.Refused refused => new CommitOutcome.Refused(refused.Reason, LostLineage: false),
                var other => throw new InvalidOperationException($"unknown result {other}"),
            };
        }
        catch (IOException error)
        {
            // In doubt: if it was committed after all, the next commit finds its number taken and a new generation reads history anew.
            return new CommitOutcome.Refused(error.Message, LostLineage: false);
        }
    }

    /// <inheritdoc/>
    public ImmutableArray<long> Retain(JobState job, JobEffect.Retain retain)
    {
        var report = CatalogOf(job).ApplyRetention(RetentionPolicy.Of(job.Spec.Checkpoint), Lineage(job, retain.Generation, retain.WorldSize, retain.Head));
        return [.. report.RemovedSeqs.Union(Removed(job)).Order()];
    }

    /// <inheritdoc/>
    public ImmutableArray<long> Removed(JobState job)
    {
        var present = CatalogOf(job).Numbers().ToHashSet();
        return [.. job.Checkpoints.Select(c => c.Seq).Where(seq => seq != job.Base?.Seq && !present.Contains(seq))];
    }

    /// <inheritdoc/>
    public FreedRoom MakeRoom(JobState job, JobEffect.MakeRoom ask)
    {
        var report = CatalogOf(job).MakeRoom(RetentionPolicy.Of(job.Spec.Checkpoint), Lineage(job, ask.Generation, ask.WorldSize, ask.Head));
        return new FreedRoom([.. report.RemovedSeqs], report.RemovedFolders.Count);
    }

    /// <inheritdoc/>
    public CheckpointFlaw? Check(JobState job, long seq)
        => CatalogOf(job).Verify(seq).Problems is [var first, ..]
            ? new CheckpointFlaw(first.Code, $"Checkpoint {seq} does not verify any more ({first.File}: {first.Text}); a resume would use the one before it. Look at the storage under '{job.Spec.Checkpoint.Root}'.")
            : null;

    /// <summary>Chooses, and marks the choice before anybody is told; one that somebody removed in between is chosen anew.</summary>
    private static CheckpointSelection Select(CheckpointCatalog catalog, JobState job, CheckpointExpectations expectations)
    {
        for (var choice = 1; choice <= MaxChoices; choice++)
        {
            var selection = job.ResumeSeq > 0 ? catalog.FindValid(job.ResumeSeq, expectations) : catalog.FindLatestValid(expectations, job.Spec.Checkpoint.MaxLostSteps);
            if (selection.Manifest is not { } chosen || catalog.StandOn(chosen.Seq))
                return selection;
        }

        throw new KaleidoException($"Somebody removed each of {MaxChoices} checkpoints of '{job.Spec.Checkpoint.Root}' while the job was about to go on from it. End the other program and submit the job again.");
    }

    private CheckpointCatalog CatalogOf(JobState job) => catalogs.GetOrAdd(job.Spec.Checkpoint.Root, root => new CheckpointCatalog(root, time));

    private static IEnumerable<long> GenerationsOfData(string root)
        => CheckpointStores.Of(root).List(new CheckpointPaths(root).Data).Select(e => CheckpointPaths.ParseDataFolderName(e.Name)).OfType<long>();

    private static CommitOutcome.Committed Committed(CheckpointManifest manifest) => new(Entry(manifest), Head(CheckpointHead.After(manifest)));

    private static HistoryHead Head(CheckpointHead head) => new(head.Seq, head.Hash, head.LastSeq, [.. head.Supersedes]);

    private static CheckpointEntry Entry(CheckpointManifest m) => new(
        m.Seq, m.Step, m.Epoch, m.SamplesConsumed, m.WorldSize, m.Generation, m.Bytes, m.WeightsXxh128, m.CreatedUtc, CheckpointKinds.Name(m.Kind));

    private static CheckpointProposalData Data(JobEffect.CommitCheckpoint proposal, CheckpointKind kind) => new()
    {
        Generation = proposal.Generation,
        Attempt = proposal.Draft.Attempt,
        Directory = proposal.Draft.Directory,
        Step = proposal.Draft.Step,
        Epoch = proposal.Draft.Epoch,
        StepInEpoch = proposal.Draft.StepInEpoch,
        Samples = proposal.Draft.Samples,
        Kind = kind,
        Files = [.. proposal.Draft.Files.Select(f => CheckpointFile.Of(f.Name, f.Bytes, f.Xxh128, f.Tensors, f.ChunksXxh3, f.Sha256))],
        WeightsXxh128 = proposal.Draft.WeightsXxh128,
        Metrics = proposal.Draft.Metrics.ToDictionary(m => m.Name, m => m.Value),
    };

    private CheckpointLineage Lineage(JobState job, long generation, int worldSize, HistoryHead head) => new(
        new CheckpointJob
        {
            JobId = job.JobId,
            VirtualRanks = job.Spec.Training.VirtualRanks,
            GlobalBatch = job.Spec.Training.GlobalBatchSize,
            ThreadsPerRank = job.Spec.Workers.ThreadsPerRank,
            DatasetFingerprint = job.Datasets.TrainFingerprint,
            Order = EpochPlan.OrderVersion,
            Seed = job.Spec.Seed,
            ConfigHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(job.Spec.ToJson()))),
            Software = new Dictionary<string, string> { ["kaleido"] = typeof(CatalogLedger).Assembly.GetName().Version?.ToString(3) ?? "" },
        },
        generation,
        worldSize,
        options.CoordinatorId,
        new CheckpointHead(head.Seq, head.Hash, head.LastSeq, [.. head.Supersedes]));
}
