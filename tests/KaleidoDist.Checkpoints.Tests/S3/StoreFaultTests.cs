using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>
/// A store that refuses, stalls, loses answers or is overtaken (RELIABILITY fault 24 and 26): no commit is lost, none is made twice, and what could not be done
/// says so. Every test asserts that its fault happened.
/// </summary>
public sealed class StoreFaultTests : IAsyncLifetime
{
    private readonly BucketRun bucket = new();

    private FakeS3 Server => bucket.Server;

    private Run Run => bucket.Run;

    public Task InitializeAsync() => bucket.InitializeAsync();

    public Task DisposeAsync() => bucket.DisposeAsync();

    [Fact]
    public void ACommitWhoseEveryAnswerIsLostIsResolvedByReadingBack()
    {
        // The first try and its repetition.
        var proposal = Run.Write(10);
        var fault = Server.Inject(new S3Fault("PUT log/", S3FaultKind.LoseAnswer, times: 2));
        Assert.Equal(1, Assert.IsType<CommitResult.Committed>(Run.Catalog.Commit(proposal, Run.Lineage)).Manifest.Seq);
        Assert.Equal(2, fault.Fired);
        bucket.AssertOnlyCheckpoint(Run.Catalog.Read(1));
    }

    [Fact]
    public void ACommitThatTheStoreNeverTakesIsGivenUpAndCanBeMadeAgain()
    {
        var proposal = Run.Write(10);
        var fault = Server.Inject(new S3Fault("PUT log/", S3FaultKind.Hang, times: int.MaxValue));
        var hurried = new CheckpointCatalog(BucketRun.Root, Run.Time, bucket.Connect(TimeSpan.FromSeconds(4)));
        var error = Assert.Throws<CheckpointWriteException>(() => hurried.Commit(proposal, Run.Lineage));
        fault.Stop();

        // Two tries of the SDK, each with time to arrive on a busy machine; now and then its HTTP client makes a third one of them.
        Assert.InRange(fault.Fired, 2, 4);
        Assert.Equal("KD-S120", error.Code);
        Assert.Empty(Run.Catalog.List());
        Assert.IsType<CommitResult.Committed>(Run.Catalog.Commit(proposal, Run.Lineage));
        bucket.AssertOnlyCheckpoint(Run.Catalog.Read(1));
    }

    [Theory]
    [InlineData("PUT data/")]
    [InlineData("PART")]
    [InlineData("COMPLETE")]
    public void ASaveIsGivenUpWhenTheStoreStaysDownAndTheNextOneSucceeds(string operation)
    {
        var fault = Server.Inject(new S3Fault(operation, S3FaultKind.Refuse, times: int.MaxValue) { Status = 503, Code = "SlowDown" });

        var error = Assert.Throws<CheckpointWriteException>(() => Run.Write(10));
        fault.Stop();

        Assert.InRange(fault.Fired, 2, 4);
        Assert.Equal("KD-S120", error.Code);
        Assert.StartsWith("KD-S120 The checkpoint was not written to 's3://bucket/team/run'. The store could not ", error.Message, StringComparison.Ordinal);
        Assert.Contains("503 SlowDown", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Step 10 was not saved; earlier checkpoints are intact and training goes on.", error.Message, StringComparison.Ordinal);
        Assert.Empty(Server.Keys);
        Assert.Equal(0, Server.UploadCount);
        Assert.Equal(20, Run.Save(20).Step);
    }

    [Fact]
    public void CredentialsThatExpireFailOneSaveAndTheNextGoesThroughWhenTheyAreRenewed()
    {
        Run.Save(10);
        var fault = Server.Inject(new S3Fault("PUT data/", S3FaultKind.Refuse, times: 2) { Status = 403, Code = "ExpiredToken" });

        var error = Assert.Throws<CheckpointWriteException>(() => Run.Write(20));
        while (fault.Fired < 2)
            Assert.Throws<CheckpointWriteException>(() => Run.Write(20));

        Assert.Equal("KD-S122", error.Code);
        Assert.Contains("403 ExpiredToken", error.Message, StringComparison.Ordinal);
        Assert.Contains("Renew the credentials", error.Message, StringComparison.Ordinal);
        Assert.Equal((2, 30), (Run.Save(30).Seq, 30));
    }

    [Fact]
    public void OfTwoCoordinatorsThatCommitTheSameNumberOneWins()
    {
        var other = new Run(BucketRun.Root, bucket.Connect()) { Lineage = Run.Lineage with { Writer = "coordinator-b", Generation = 2 } };
        CheckpointProposalData[] proposals = [Run.Write(10), other.Write(10)];

        var results = new CommitResult[2];
        Parallel.Invoke(
            () => results[0] = Run.Catalog.Commit(proposals[0], Run.Lineage),
            () => results[1] = other.Catalog.Commit(proposals[1], other.Lineage));

        var won = Assert.Single(results.OfType<CommitResult.Committed>()).Manifest;
        Assert.Equal(1, Assert.Single(results.OfType<CommitResult.LostRace>()).Seq);
        Assert.Equal(won.Self, Assert.Single(Run.Catalog.List()).Manifest!.Self);
        Assert.Equal(won.Self, Run.Catalog.FindLatestValid().Manifest!.Self);
    }

    [Fact]
    public void ANameThatSomebodyElseTakesInTheLastMomentIsALostRaceAlsoWhenAnAnswerWasLostBefore()
    {
        var proposal = Run.Write(10);
        var overtaken = Server.Inject(new S3Fault("PUT log/", S3FaultKind.Overtake));

        Assert.Equal(1, Assert.IsType<CommitResult.LostRace>(Run.Catalog.Commit(proposal, Run.Lineage)).Seq);

        Assert.Equal(1, overtaken.Fired);
        Assert.Equal("somebody else's"u8.ToArray(), Server.Content("bucket/team/run/log/000000000001.json"));
    }

    [Fact]
    public void AConflictWithAnotherConditionalWriteIsTriedAgain()
    {
        var conflict = Server.Inject(new S3Fault("PUT log/", S3FaultKind.Refuse, times: 3) { Status = 409, Code = "ConditionalRequestConflict" });

        Assert.Equal(1, Run.Save(10).Seq);

        Assert.Equal(3, conflict.Fired);
    }

    [Fact]
    public void AListingThatFailsRemovesNothingAndFindsNoOlderCheckpoint()
    {
        foreach (var step in new long[] { 10, 20, 30 })
            Run.Save(step);
        var keys = Server.Keys;
        var fault = Server.Inject(new S3Fault("LIST log/", S3FaultKind.Refuse, times: 4) { Status = 500 });

        Assert.Throws<ObjectStoreException>(() => Run.Catalog.FindLatestValid());
        Assert.Throws<ObjectStoreException>(() => Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage));

        Assert.Equal(4, fault.Fired);
        Assert.Equal(keys, Server.Keys);
        Assert.Equal([1L], Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage).RemovedSeqs);
    }

    [Fact]
    public void RetentionThatIsCutShortLeavesAnOrphanThatGoesLater()
    {
        foreach (var step in new long[] { 10, 20, 30 })
            Run.Save(step);
        var fault = Server.Inject(new S3Fault("DELETE data/", S3FaultKind.Refuse, times: 2) { Status = 500 });

        Assert.Throws<ObjectStoreException>(() => Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage));

        Assert.Equal(2, fault.Fired);
        Assert.Equal([2L, 3L], Run.Catalog.List().Select(l => l.Seq));
        Server.ClockOffset = TimeSpan.FromHours(2);
        var report = Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage with { Generation = 2 });
        Assert.Equal([CheckpointPaths.DataFolderName(1, 10, 1)], report.RemovedFolders);
    }

    [Fact]
    public void UploadsThatACrashLeftAreRemovedByRetentionADayLater()
    {
        foreach (var step in new long[] { 10, 20 })
            Run.Save(step);
        var abandoned = bucket.Storage.Create($"{BucketRun.Root}/data/{CheckpointPaths.DataFolderName(1, 30, 1)}/model.safetensors");
        abandoned.Write(new byte[900]);

        Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage);
        Assert.Equal(1, Server.UploadCount);
        Server.ClockOffset = TimeSpan.FromHours(25);
        Run.Catalog.ApplyRetention(new RetentionPolicy(2), Run.Lineage);

        Assert.Equal(0, Server.UploadCount);
    }

    [Fact]
    public void ADamagedObjectIsFoundAndTheOneBeforeIsUsed()
    {
        Run.Save(10);
        var newest = Run.Save(20);
        var key = Run.DataFile(newest, newest.Files[0].Name)[S3Address.Scheme.Length..];
        var content = Server.Content(key);
        content[^1] ^= 1;
        Server.Put(key, content);

        var selection = Run.Catalog.FindLatestValid();

        Assert.Equal(1, selection.Manifest!.Seq);
        Assert.True(Assert.Single(selection.Damages).Quarantined);
        Assert.Contains(Server.Keys, k => k == "bucket/team/run/quarantine/000000000002.json");
    }
}
