using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Two programs that remove checkpoints of one run: its leader, and somebody who prunes.</summary>
public sealed class ConcurrentRemovalTests : IDisposable
{
    private static readonly RetentionPolicy KeepTwo = new(2);

    private readonly TemporaryFolder folder = new();
    private readonly Run leader;

    public ConcurrentRemovalTests()
    {
        leader = new Run(folder.Path);
        for (var step = 10; step <= 50; step += 10)
            leader.Save(step);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void TheCheckpointThatAJobIsSentBackToStaysUntilTheJobNeedsItNoMore()
    {
        GoBackTo(1);

        var plan = leader.Catalog.PlanRetention(KeepTwo);
        Assert.Equal("its job counts on it", plan.Keep.Single(k => k.Manifest.Seq == 1).Why);
        Assert.Equal([2L, 3L], new Run(folder.Path).Catalog.Prune(KeepTwo).RemovedSeqs);

        leader.Save(15);
        leader.Catalog.ApplyRetention(KeepTwo, leader.Lineage);
        Assert.Equal([1L, 6L], Seqs());
        leader.Save(25);
        leader.Save(35);
        leader.Catalog.ApplyRetention(KeepTwo, leader.Lineage);
        Assert.Equal([7L, 8L], Seqs());
        Assert.All(Seqs(), seq => Assert.True(leader.Catalog.Verify(seq).IsValid));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ACheckpointThatAJobChoosesWhileItIsBeingPrunedIsPutBack(bool isUnlinked)
    {
        var moment = isUnlinked ? Operation.SyncDirectory : Operation.Delete;
        var manifest = File.ReadAllBytes(leader.Paths.Manifest(1));
        var storage = new FaultyStorage(PosixStorage.Instance);
        var isUnlinking = false;
        var stands = false;
        storage.Before = (operation, path, _) =>
        {
            isUnlinking |= operation == Operation.Delete && path == leader.Paths.Manifest(1);
            if (!isUnlinking || operation != moment)
                return;
            storage.Before = null;
            stands = leader.Catalog.StandOn(1);
        };

        var report = new Run(folder.Path, storage).Catalog.Prune(KeepTwo);

        Assert.Equal(!isUnlinked, stands); // after that it is gone for a moment: the job chooses again
        Assert.Equal([2L, 3L], report.RemovedSeqs);
        Assert.Equal([1L, 4L, 5L], Seqs());
        Assert.Equal(manifest, File.ReadAllBytes(leader.Paths.Manifest(1)));
        Assert.True(leader.Catalog.Verify(1).IsValid);
        Assert.Empty(Directory.GetFiles(leader.Paths.Temporary));
    }

    [Fact]
    public void OfTwoWhoRemoveTheSameCheckpointOneRemovesItAndNeitherFails()
    {
        var storage = new FaultyStorage(PosixStorage.Instance);
        RetentionReport? pruned = null;
        storage.Before = (operation, path, _) =>
        {
            if (operation != Operation.Delete || path != leader.Paths.Manifest(2))
                return;
            storage.Before = null;
            pruned = new Run(folder.Path).Catalog.Prune(KeepTwo);
        };

        var report = new Run(folder.Path, storage).Catalog.ApplyRetention(KeepTwo, leader.Lineage);

        Assert.Equal([1L], report.RemovedSeqs);
        Assert.Equal([2L, 3L], pruned!.RemovedSeqs);
        Assert.Equal([4L, 5L], Seqs());
        Assert.Equal(2, Directory.GetDirectories(leader.Paths.Data).Length);
    }

    [Fact]
    public void AStalePlanTakesNothingThatTheLeaderCountsOnByNow()
    {
        // Somebody pruned slowly: the plan was made when 1 to 3 could go, and meanwhile the job went back to 3 and left 4 and 5 aside.
        var storage = new FaultyStorage(PosixStorage.Instance);
        storage.Before = (operation, path, _) =>
        {
            if (operation != Operation.Delete || path != leader.Paths.Manifest(1))
                return;
            storage.Before = null;
            GoBackTo(3);
            leader.Save(35);
            leader.Catalog.ApplyRetention(KeepTwo, leader.Lineage);
        };

        new Run(folder.Path, storage).Catalog.Prune(KeepTwo);

        Assert.Equal([3L, 6L], Seqs());
        Assert.All(Seqs(), seq => Assert.True(leader.Catalog.Verify(seq).IsValid));
    }

    [Fact]
    public void ASaveUnderWayIsNoOrphanForWhoeverPrunes()
    {
        leader.Lineage = leader.Lineage with { Generation = 2 };
        var proposal = leader.Write(60);
        Directory.SetLastWriteTimeUtc(leader.Paths.DataFolder(2, 60, proposal.Attempt), DateTime.UnixEpoch);

        new Run(folder.Path).Catalog.Prune(KeepTwo);

        Assert.IsType<CommitResult.Committed>(leader.Catalog.Commit(proposal, leader.Lineage));
        Assert.True(leader.Catalog.Verify(6).IsValid);
    }

    private void GoBackTo(long seq)
    {
        var selection = leader.Catalog.FindValid(seq);
        Assert.True(leader.Catalog.StandOn(seq));
        leader.Lineage = leader.Lineage with { Generation = leader.Lineage.Generation + 1, Head = selection.Head };
    }

    private IReadOnlyList<long> Seqs() => leader.Catalog.Numbers();
}
