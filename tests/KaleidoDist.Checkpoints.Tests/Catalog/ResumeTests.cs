using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Going on from a checkpoint that is not the newest, and beginning another run with one.</summary>
public sealed class ResumeTests
{
    private const string Folder = "/runs/job";
    private readonly MemoryStorage storage = new();
    private readonly Run run;

    public ResumeTests()
    {
        run = new Run(Folder, storage);
        for (var step = 10; step <= 50; step += 10)
            run.Save(step);
    }

    [Fact]
    public void GoingOnFromAnOlderOneSupersedesAllLaterOnes()
    {
        GoBackTo(2);
        var sixth = run.Save(25);

        Assert.Equal((6, 2), (sixth.Seq, sixth.ParentSeq));
        Assert.Equal([3L, 4L, 5L], sixth.Supersedes);
        Assert.Equal(6, run.Resume().Manifest!.Seq);
        Assert.True(new RunCheck(Folder, storage).Check(RunHistory.Empty).IsSound);
    }

    [Fact]
    public void ADamagedForkFallsBackToTheOneItWasForkedFromAndNeverToASupersededOne()
    {
        GoBackTo(2);
        var sixth = run.Save(25);
        storage.Find(run.DataFile(sixth, sixth.Files[0].Name))!.Content[0] ^= 1;

        Assert.Equal(2, run.Resume().Manifest!.Seq);
        // Also from its manifest in quarantine, and what continues it then names all that it passed over.
        Assert.Equal(2, run.Resume().Manifest!.Seq);
        Assert.Equal([3L, 4L, 5L, 6L], run.Save(25).Supersedes);
        Assert.True(new RunCheck(Folder, storage).Check(RunHistory.Empty).IsSound);
    }

    [Fact]
    public void ARunMayGoBackToABranchItLeft()
    {
        GoBackTo(2);
        run.Save(25);
        GoBackTo(4);
        run.Save(45);

        Assert.Equal([7L, 4L, 3L, 2L, 1L], run.Catalog.Line());
    }

    [Fact]
    public void RetentionCountsOnlyWhatIsPartOfTheLine()
    {
        GoBackTo(2);
        run.Save(25);

        Assert.Equal([3L, 4L, 5L], run.Catalog.ApplyRetention(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
        Assert.Equal([1L, 2L, 6L], run.Catalog.List().Select(l => l.Seq));
    }

    [Fact]
    public void ADamagedOrMissingOneIsRefusedAndNoOtherIsTaken()
    {
        storage.Find(run.DataFile(run.Catalog.Read(3), "state-00001-of-00001.json"))!.Content[0] ^= 1;
        Assert.StartsWith("KD-S110 Checkpoint 3 of '/runs/job' is damaged (state-00001-of-00001.json: ", Assert.Throws<KaleidoException>(() => run.Catalog.FindValid(3)).Message);
        Assert.Contains("there is none of this number", Assert.Throws<KaleidoException>(() => run.Catalog.FindValid(9)).Message);
        Assert.Equal(ExitCode.Usage, Assert.Throws<KaleidoException>(() => run.Catalog.FindValid(2, new CheckpointExpectations { Seed = 1 })).ExitCode);
        Assert.Equal([5L, 4L, 3L, 2L, 1L], run.Catalog.Line());
    }

    [Fact]
    public void AForkBeginsANewRunWithTheSameBytesAndNotesWhereTheyCameFrom()
    {
        var other = new Run("/runs/fork", storage);
        var first = new RunFork("/runs/fork", Run.Time, storage).Create(new CheckpointReference(Folder, 2), "me")!;

        var original = run.Catalog.Read(2);
        Assert.Equal(new CheckpointOrigin(Folder, "job-1", 2, original.Self!), first.ForkedFrom);
        Assert.Equal((1, 0, 20, original.WeightsXxh128), (first.Seq, first.ParentSeq, first.Step, first.WeightsXxh128));
        Assert.True(other.Catalog.Verify(1).IsValid);
        Assert.Equal(1, other.Resume().Manifest!.Seq);
        for (var step = 30; step <= 60; step += 10)
            other.Save(step);
        other.Catalog.ApplyRetention(new RetentionPolicy(2), other.Lineage);
        Assert.Equal([1L, 4L, 5L], other.Catalog.List().Select(l => l.Seq));
        Assert.True(new RunCheck("/runs/fork", storage).Check(RunHistory.Empty).IsSound);

        // The same command again goes on; another source is refused.
        Assert.Null(new RunFork("/runs/fork", Run.Time, storage).Create(new CheckpointReference(Folder, 2), "me"));
        Assert.Null(new RunFork("/runs/fork", Run.Time, storage).Create(new CheckpointReference(Folder, null), "me"));
        Assert.Equal(ExitCode.Usage, Assert.Throws<KaleidoException>(() => new RunFork("/runs/fork", Run.Time, storage).Create(new CheckpointReference(Folder, 3), "me")).ExitCode);
        Assert.Equal(ExitCode.Usage, Assert.Throws<KaleidoException>(() => new RunFork(Folder, Run.Time, storage).Create(new CheckpointReference("/runs/fork", 1), "me")).ExitCode);
    }

    [Fact]
    public void AForkTakesTheNewestValidOneAndCopiesWhereItCannotLink()
    {
        storage.Find(run.DataFile(run.Catalog.Read(5), "state-00001-of-00001.json"))!.Content[0] ^= 1;
        var first = new RunFork("/runs/fork", Run.Time, new WithoutDataLinks(storage)).Create(new CheckpointReference(Folder, null), "me")!;

        Assert.Equal((40, 4), (first.Step, first.ForkedFrom!.Seq));
        Assert.Equal([1L, 2L, 3L, 4L, 5L], run.Catalog.List().Select(l => l.Seq));
        var copy = new Run("/runs/fork", storage);
        Assert.True(copy.Catalog.Verify(1).IsValid);
        Assert.NotSame(storage.Find(run.DataFile(run.Catalog.Read(4), first.Files[0].Name)), storage.Find(copy.DataFile(first, first.Files[0].Name)));
    }

    private void GoBackTo(long seq)
        => run.Lineage = run.Lineage with { Generation = run.Lineage.Generation + 1, Head = run.Catalog.FindValid(seq).Head };

    private sealed class WithoutDataLinks(IStorage inner) : ForwardingStorage(inner)
    {
        public override bool TryLink(string existing, string created)
            => created.Contains("/data/", StringComparison.Ordinal) ? throw new PosixException("link", created, 18) : base.TryLink(existing, created);
    }
}
