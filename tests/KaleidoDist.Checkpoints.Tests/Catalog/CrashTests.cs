using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A save, its commit and retention, cut short or failed at every single operation on the store.</summary>
public sealed class CrashTests
{
    private const int EarlierCount = 3;

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    public void DeathAtAnyOperationLosesNoAcknowledgedCheckpointAndTheNextSaveWorks(double tornWriteShare)
    {
        var operationCount = CountOperations();
        for (var number = 1; number <= operationCount; number++)
        {
            using var folder = new TemporaryFolder();
            var storage = new FaultyStorage(PosixStorage.Instance) { TornWriteShare = tornWriteShare };
            var doomed = Prepare(folder, storage);
            storage.DieAt(number);
            var acknowledged = (long)EarlierCount;

            Assert.Throws<SimulatedDeath>(() => SaveAndRetain(doomed, seq => acknowledged = seq));

            var reborn = new Run(folder.Path) { Lineage = doomed.Lineage };
            var selection = reborn.Resume();
            Assert.InRange(selection.Manifest!.Seq, acknowledged, EarlierCount + 1);
            Assert.Empty(selection.Damages);
            Assert.All(reborn.Catalog.List(), listing => Assert.True(reborn.Catalog.Verify(listing.Seq).IsValid, $"checkpoint {listing.Seq} after death at {number}"));
            Assert.InRange(reborn.Catalog.List().Count, 2, EarlierCount + 1);
            Assert.Equal(selection.Manifest.Seq + 1, reborn.Save(50).Seq);
        }
    }

    [Fact]
    public void AnErrorAtAnyOperationLosesNoAcknowledgedCheckpointAndTheNextSaveWorks()
    {
        var operationCount = CountOperations();
        var fired = 0;
        for (var number = 1; number <= operationCount; number++)
        {
            using var folder = new TemporaryFolder();
            var storage = new FaultyStorage(PosixStorage.Instance);
            var run = Prepare(folder, storage);
            storage.FailAt(number, Errno.EIO);
            var acknowledged = (long)EarlierCount;

            if (Record.Exception(() => SaveAndRetain(run, seq => acknowledged = seq)) is { } error)
                Assert.IsAssignableFrom<IOException>(error);
            else
                Assert.Equal((Operation.Delete, folder["tmp"]), (storage.Journal[number - 1].Operation, Path.GetDirectoryName(storage.Journal[number - 1].Path)));
            fired += storage.Journal.Count >= number ? 1 : 0;

            Assert.DoesNotContain(storage.After(number), operation => operation is Operation.Sync or Operation.SyncDirectory);
            storage.Before = null;
            var selection = run.Resume();
            Assert.InRange(selection.Manifest!.Seq, acknowledged, EarlierCount + 1);
            Assert.Empty(selection.Damages);
            Assert.Equal(selection.Manifest.Seq + 1, run.Save(50).Seq);
        }

        Assert.Equal(operationCount, fired);
    }

    private static int CountOperations()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        SaveAndRetain(Prepare(folder, storage), _ => { });
        Assert.InRange(storage.Journal.Count, 40, 80);
        return storage.Journal.Count;
    }

    /// <summary>Three checkpoints on sound storage, then a run on the faulty one that goes on from them.</summary>
    private static Run Prepare(TemporaryFolder folder, FaultyStorage storage)
    {
        var earlier = new Run(folder.Path);
        for (var step = 10; step <= EarlierCount * 10; step += 10)
            earlier.Save(step);
        return new Run(folder.Path, storage) { Lineage = earlier.Lineage };
    }

    private static void SaveAndRetain(Run run, Action<long> acknowledge)
    {
        acknowledge(run.Save(40, CheckpointKind.Periodic).Seq);
        run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);
    }
}
