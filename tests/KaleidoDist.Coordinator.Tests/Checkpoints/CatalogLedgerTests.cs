using System.Collections.Immutable;
using System.Runtime.InteropServices;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>The ledger over real files.</summary>
public sealed class CatalogLedgerTests : IDisposable
{
    private static readonly float[] Weights = [1, 2, 3, 4];

    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-run-").FullName;
    private readonly CatalogLedger ledger = new(new CoordinatorOptions(), TimeProvider.System);
    private readonly JobState job;

    public CatalogLedgerTests()
    {
        var submit = JobSamples.Submit(JobSamples.Spec(run: folder)) with { Datasets = new JobDatasets("train", new string('d', 64), null) };
        job = JobMachine.Create("job", submit, JobSamples.Noon).State;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void AFreshRunHasNothingToGoOnFrom()
    {
        var found = ledger.FindLatestValid(job);
        Assert.Empty(found.Checkpoints);
        Assert.Equal((0, 0), (found.Head.LastSeq, found.HighestGeneration));
    }

    [Fact]
    public void ACommitIsFoundAgainAndTheNextContinuesIt()
    {
        var first = Committed(HistoryHead.Empty, generation: 1, step: 10);
        var second = Committed(first.Head, generation: 1, step: 20);
        var found = new CatalogLedger(new CoordinatorOptions(), TimeProvider.System).FindLatestValid(job);
        Assert.Equal([10, 20], found.Checkpoints.Select(c => c.Step));
        Assert.Equal((second.Head.Seq, second.Head.Hash, 1), (found.Head.Seq, found.Head.Hash, found.HighestGeneration));
    }

    [Fact]
    public void ADataFolderThatWasNeverCommittedCountsAsATraceOfItsGeneration()
    {
        Write(generation: 5, step: 10);
        Assert.Equal(5, ledger.FindLatestValid(job).HighestGeneration);
    }

    [Fact]
    public void ACommitOnAHistoryThatWentOnIsRefused()
    {
        Committed(HistoryHead.Empty, generation: 1, step: 10);
        var late = Assert.IsType<CommitOutcome.Refused>(ledger.Commit(job, Proposal(HistoryHead.Empty, generation: 2, step: 10)));
        Assert.True(late.LostLineage);
        Assert.StartsWith("KD-C120 checkpoint 1", late.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ACommitWhoseRecordWasLostIsRecognisedWhenItIsProposedAgain()
    {
        var proposal = Proposal(HistoryHead.Empty, generation: 1, step: 10);
        var first = Assert.IsType<CommitOutcome.Committed>(ledger.Commit(job, proposal));
        var again = Assert.IsType<CommitOutcome.Committed>(ledger.Commit(job, proposal));
        Assert.Equal((first.Entry, first.Head.Hash), (again.Entry, again.Head.Hash));
    }

    [Fact]
    public void ADamagedCheckpointIsReportedWithWhatItCosts()
    {
        var first = Committed(HistoryHead.Empty, generation: 1, step: 10);
        Committed(first.Head, generation: 1, step: 20);
        var file = Directory.EnumerateFiles(Path.Combine(folder, "data"), "model*", SearchOption.AllDirectories).Order().Last();
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);

        var found = ledger.FindLatestValid(job);
        Assert.Equal([10], found.Checkpoints.Select(c => c.Step));
        Assert.Equal((1, 2), (found.Head.Seq, found.Head.LastSeq));
        var damage = Assert.Single(found.Damages);
        Assert.StartsWith("Checkpoint ", damage, StringComparison.Ordinal); // the job adds the code
        Assert.Contains("10 steps are repeated", damage, StringComparison.Ordinal);
    }

    [Fact]
    public void ACheckpointOfAnotherJobIsRefused()
    {
        Committed(HistoryHead.Empty, generation: 1, step: 10);
        var error = Assert.Throws<KaleidoException>(() => ledger.FindLatestValid(job with { Spec = job.Spec with { Seed = 7 } }));
        Assert.Contains("is of another job: seed is 42, expected 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheCheckpointThatWasAskedForIsFoundAndWhatContinuesItSupersedesTheLaterOnes()
    {
        var head = HistoryHead.Empty;
        for (var step = 10; step <= 30; step += 10)
            head = Committed(head, generation: 1, step).Head;

        var found = ledger.FindLatestValid(job with { ResumeSeq = 1 });

        Assert.Equal((1, 3, 1), (found.Head.Seq, found.Head.LastSeq, found.AskedSeq));
        Assert.Equal([10], found.Checkpoints.Select(c => c.Step));
        var fork = Committed(found.Head, generation: 2, step: 12);
        Assert.Equal(4, fork.Entry.Seq);
        Assert.Equal([2L, 3L], new CheckpointCatalog(folder, TimeProvider.System).Read(4).Supersedes);
        Assert.Equal(12, ledger.FindLatestValid(job).Checkpoints[^1].Step);
        Assert.Throws<KaleidoException>(() => ledger.FindLatestValid(job with { ResumeSeq = 9 }));
    }

    [Fact]
    public void OldCheckpointsAreRemoved()
    {
        var head = HistoryHead.Empty;
        for (var step = 10; step <= 40; step += 10)
            head = Committed(head, generation: 1, step).Head;
        Assert.Equal([1, 2], ledger.Retain(job, new JobEffect.Retain(1, head, 1)).AsEnumerable());
        Assert.Equal([30, 40], ledger.FindLatestValid(job).Checkpoints.Select(c => c.Step));
    }

    [Fact]
    public void SomebodyWhoPrunesBesideAJobTakesNothingItGoesOnFromAndTheJobForgetsTheRest()
    {
        var head = HistoryHead.Empty;
        for (var step = 10; step <= 50; step += 10)
            head = Committed(head, generation: 1, step).Head;
        var found = ledger.FindLatestValid(job with { ResumeSeq = 1 });
        var running = job with { ResumeSeq = 1, Base = found.Checkpoints[^1], Checkpoints = ledger.FindLatestValid(job).Checkpoints };
        ledger.FindLatestValid(running);

        var pruned = new CheckpointCatalog(folder, TimeProvider.System).Prune(new RetentionPolicy(2));

        Assert.Equal([2L, 3L], pruned.RemovedSeqs);
        Assert.Equal([2L, 3L], ledger.Removed(running).AsEnumerable());
        var fork = Committed(found.Head, generation: 2, step: 12);
        Assert.Equal([2L, 3L, 4L, 5L], ledger.Retain(running with { Base = fork.Entry }, new JobEffect.Retain(2, fork.Head, 1)).AsEnumerable());
        Assert.Equal([10, 12], ledger.FindLatestValid(job).Checkpoints.Select(c => c.Step));
    }

    private CommitOutcome.Committed Committed(HistoryHead head, long generation, long step)
        => Assert.IsType<CommitOutcome.Committed>(ledger.Commit(job, Proposal(head, generation, step)));

    private JobEffect.CommitCheckpoint Proposal(HistoryHead head, long generation, long step)
    {
        var shard = Write(generation, step);
        var draft = new CheckpointDraft(
            step, 0, step, step * 32, shard.Attempt, shard.Directory, [.. shard.Files.Select(f => new DraftFile(f.Name, f.Bytes, f.Xxh128, f.Tensors))],
            shard.WeightsXxh128, "periodic", ImmutableArray.Create(new DraftMetric("loss", 2.5)));
        return new JobEffect.CommitCheckpoint(generation, draft, head, 1);
    }

    private CheckpointShard Write(long generation, long step)
    {
        var pinned = GCHandle.Alloc(Weights, GCHandleType.Pinned);
        try
        {
            TensorSource[] tensors = [new TensorSource("weight", TensorType.F32, [4], pinned.AddrOfPinnedObject(), Weights.Length * sizeof(float))];
            return new CheckpointShardWriter(folder).Write(new CheckpointSnapshot
            {
                JobId = "job",
                Generation = generation,
                Step = step,
                Weights = tensors,
                FirstMoments = tensors,
                SecondMoments = tensors,
                State = new TrainingState(step),
            });
        }
        finally
        {
            pinned.Free();
        }
    }
}
