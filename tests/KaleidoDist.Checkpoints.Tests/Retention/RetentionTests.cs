using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class RetentionTests
{
    [Fact]
    public void TheNewestStayAndTheOthersGoWithTheirData()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 50; step += 10)
            run.Save(step);

        var report = run.Catalog.ApplyRetention(new RetentionPolicy(3), run.Lineage);

        Assert.Equal([1L, 2L], report.RemovedSeqs);
        Assert.Equal(["g0000000001-s00000010-a1", "g0000000001-s00000020-a1"], report.RemovedFolders);
        Assert.Null(report.Withheld);
        Assert.Equal([3L, 4L, 5L], run.Catalog.List().Select(l => l.Seq));
        Assert.Equal(3, Directory.GetDirectories(folder["data"]).Length);
        Assert.Equal(6, run.Save(60).Seq);
    }

    [Fact]
    public void ASaveThatWaitsForRoomCountsAsTheNewestAndTwoValidOnesStay()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 40; step += 10)
            run.Save(step);
        run.Catalog.Pin(1);
        Assert.Empty(run.Catalog.ApplyRetention(new RetentionPolicy(3), run.Lineage).RemovedSeqs);

        Assert.Equal([2L], run.Catalog.MakeRoom(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
        Assert.Empty(run.Catalog.MakeRoom(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
        Assert.Empty(run.Catalog.MakeRoom(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
        Assert.Equal([1L, 3L, 4L], run.Catalog.List().Select(l => l.Seq));
    }

    [Fact]
    public void NothingGoesForASaveThatWaitsForRoomWhereOnlyOneOfTheOthersIsValid()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 30; step += 10)
            run.Save(step);
        File.WriteAllText(run.DataFile(run.Catalog.Read(3), "optim-00001-of-00001.safetensors"), "damaged");

        Assert.Empty(run.Catalog.MakeRoom(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
    }

    [Fact]
    public void OldCheckpointsGoFromADiskThatHasNoRoomForOneMoreName()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        for (var step = 10; step <= 30; step += 10)
            run.Save(step);
        storage.Before = (operation, path, _) =>
        {
            if (operation is Operation.Create or Operation.CreateDirectory or Operation.Write)
                throw new PosixException("open", path, Errno.ENOSPC);
        };

        Assert.Equal([1L], run.Catalog.MakeRoom(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void NeverFewerThanTwoStay(int keepLast)
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 40; step += 10)
        {
            run.Save(step);
            run.Catalog.ApplyRetention(new RetentionPolicy(keepLast), run.Lineage);
            Assert.Equal(Math.Min(2, step / 10), run.Catalog.List().Count);
        }
    }

    [Fact]
    public void TheManifestGoesBeforeItsDataAndItsRemovalIsDurableFirst()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        for (var step = 10; step <= 30; step += 10)
            run.Save(step);
        storage.Journal.Clear();

        run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);

        var data = folder["data", "g0000000001-s00000010-a1"];
        var removal = storage.Journal.SkipWhile(j => j.Path != run.Paths.Manifest(1)).ToList();
        Assert.Equal(
            [Operation.Delete, Operation.SyncDirectory, Operation.Delete, Operation.Delete, Operation.Delete, Operation.DeleteDirectory],
            removal.Select(r => r.Operation));
        Assert.Equal([run.Paths.Manifest(1), run.Paths.Log, data], [removal[0].Path, removal[1].Path, removal[5].Path]);
    }

    [Fact]
    public void NothingGoesUntilTwoOfThoseThatStayAreReadBackAndValid()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 40; step += 10)
            run.Save(step);
        var newest = run.DataFile(run.Catalog.Read(4), "optim-00001-of-00001.safetensors");
        var whole = File.ReadAllBytes(newest);
        File.WriteAllBytes(newest, new byte[whole.Length]);

        var report = run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);

        Assert.Empty(report.RemovedSeqs);
        Assert.Equal(
            $"2 old checkpoints of '{folder.Path}' stay: fewer than 2 newer ones are valid. Run 'kaleido checkpoint verify {folder.Path}'.",
            report.Withheld);
        Assert.Equal(4, run.Catalog.List().Count);
        File.WriteAllBytes(newest, whole);
        Assert.Equal([1L, 2L], run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
    }

    [Fact]
    public void FinalOnesAndTheOneTheGenerationStandsOnWithItsFallbackStay()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10, CheckpointKind.Final);
        run.Save(20, CheckpointKind.Preempt);
        run.Save(30);
        run.Save(40);
        run.Save(50);
        var standing = run.Lineage;
        for (var step = 60; step <= 80; step += 10)
            run.Save(step);

        Assert.Equal([2L, 3L, 6L], run.Catalog.ApplyRetention(new RetentionPolicy(2), standing).RemovedSeqs);
        Assert.Equal([4L, 5L], run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
        Assert.Equal([1L, 7L, 8L], run.Catalog.List().Select(l => l.Seq));
    }

    [Fact]
    public void APreemptedOneStaysWhileTheRunNeedsItAndThenOnlyIfItIsPinned()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10, CheckpointKind.Preempt);
        run.Save(20, CheckpointKind.Preempt);
        run.Save(30);
        run.Save(40, CheckpointKind.Preempt);
        File.WriteAllText(run.DataFile(run.Catalog.Read(4), "optim-00001-of-00001.safetensors"), "damaged");
        Assert.Empty(run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs); // they are needed while 4 is not valid
        run.Catalog.Pin(1);
        run.Save(50);

        Assert.Equal([2L], run.Catalog.ApplyRetention(new RetentionPolicy(3), run.Lineage).RemovedSeqs);
        Assert.Equal([1L, 3L, 4L, 5L], run.Catalog.List().Select(l => l.Seq));
    }

    [Fact]
    public void OrphansOfOlderGenerationsGoAfterAnHourAndNothingElseIsTouched()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        run.Lineage = run.Lineage with { Generation = 2 };
        run.Save(20);
        string[] kept =
        [
            Aged("g0000000002-s00000030-a1", hours: 3),
            Aged("g0000000003-s00000030-a1", hours: 3),
            Aged("g0000000001-s00000011-a1", hours: 0.5),
            Aged("g0000000001-s00000012-a1-copy", hours: 3),
            Aged("mine", hours: 3),
        ];
        Aged("g0000000001-s00000013-a1", hours: 3);
        var withNotes = Aged("g0000000001-s00000014-a1", hours: 3);
        File.WriteAllText(folder["data", withNotes, "notes.txt"], "mine");
        Directory.SetLastWriteTimeUtc(folder["data", withNotes], DateTime.UnixEpoch);
        File.WriteAllText(folder["tmp", "0123456789abcdef0123456789abcdef"], "draft");
        File.SetLastWriteTimeUtc(folder["tmp", "0123456789abcdef0123456789abcdef"], DateTime.UnixEpoch);
        File.WriteAllText(folder["tmp", "mine"], "mine");
        File.SetLastWriteTimeUtc(folder["tmp", "mine"], DateTime.UnixEpoch);

        var report = run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);

        Assert.Equal(["g0000000001-s00000013-a1"], report.RemovedFolders);
        Assert.All([.. kept, "g0000000001-s00000010-a1", "g0000000002-s00000020-a1"], name => Assert.True(Directory.Exists(folder["data", name]), name));
        Assert.Equal(["notes.txt"], Directory.GetFiles(folder["data", withNotes]).Select(Path.GetFileName));
        Assert.Equal(["mine"], Directory.GetFiles(folder["tmp"]).Select(Path.GetFileName));

        string Aged(string name, double hours)
        {
            var path = Directory.CreateDirectory(folder["data", name]).FullName;
            File.WriteAllText(Path.Combine(path, "model-00001-of-00001.safetensors"), "");
            Directory.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(folder["log"]).AddHours(-hours));
            return name;
        }
    }

    [Fact]
    public void WhatBrokenSavesLeftGoesAfterAMinuteWhereASaveWaitsForRoom()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var state = new RetentionState
        {
            Manifests = [SomeManifest(5)],
            DataFolders = [new("g0000000001-s00000010-a1", true, now.AddSeconds(-61)), new("g0000000001-s00000012-a1", true, now.AddSeconds(-59)), new("g0000000009-s00000012-a1", true, now.AddHours(-2))],
            Now = now,
        };
        Assert.Empty(RetentionPlan.Decide(state, new RetentionPolicy(3), generation: 9, baseSeq: 0).OrphanFolders);
        Assert.Equal(["g0000000001-s00000010-a1"], RetentionPlan.Decide(state with { IsSaveWaiting = true }, new RetentionPolicy(3), generation: 9, baseSeq: 0).OrphanFolders);
    }

    [Fact]
    public void FoldersAreNoOrphansWhileTheLogIsEmptyOrPartlyUnreadable()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        StorageEntry old = new("g0000000001-s00000010-a1", true, now.AddHours(-2));
        var manifest = SomeManifest(5);
        Assert.Empty(Decide([], 0));
        Assert.Empty(Decide([manifest], 1));
        Assert.Equal([old.Name], Decide([manifest], 0));

        IReadOnlyList<string> Decide(IReadOnlyList<CheckpointManifest> manifests, int unreadable)
            => RetentionPlan.Decide(new RetentionState { Manifests = manifests, UnreadableCount = unreadable, DataFolders = [old], Now = now }, new RetentionPolicy(3), generation: 9, baseSeq: 0).OrphanFolders;
    }

    [Fact]
    public void DataOfAReadableManifestInQuarantineStaysForWhoeverLooksIntoIt()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var quarantined = SomeManifest(4);
        StorageEntry folder = new(CheckpointPaths.DataFolderName(quarantined.Generation, quarantined.Step, quarantined.Attempt), true, now.AddDays(-2));
        Assert.Empty(RetentionPlan.Decide(new RetentionState { Manifests = [SomeManifest(5)], Quarantined = [quarantined], DataFolders = [folder], Now = now }, new RetentionPolicy(3), 9, 0).OrphanFolders);
    }

    [Fact]
    public void EveryRuleKeepsWhatItNamesAndSaysSo()
    {
        var day = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        CheckpointManifest[] manifests =
        [
            At(1, hours: 1), At(2, hours: 5, loss: 0.1), At(3, hours: 7, loss: 0.5), At(4, hours: 11, loss: double.NaN), At(5, hours: 13, loss: 0.1),
            At(6, hours: 13.1) with { Kind = CheckpointKind.Preempt }, At(7, hours: 13.2), At(8, hours: 13.3), At(9, hours: 13.4), At(10, hours: 13.5),
        ];
        var policy = new RetentionPolicy(2) { KeepEvery = TimeSpan.FromHours(6), KeepBest = new KeepBestSpec("validation.mlm.loss", 1) };

        var plan = RetentionPlan.Decide(new RetentionState { Manifests = manifests, Pinned = [1, 99] }, policy, generation: 9, baseSeq: 8);

        Assert.Equal(
            [
                (10, "newest 2, newest of its 6h"), (9, "newest 2"), (8, "the run stands on it"), (7, "fallback of the one the run stands on"),
                (5, "best 1 by validation.mlm.loss"), (4, "newest of its 6h"), (2, "newest of its 6h"), (1, "pinned"),
            ],
            plan.Keep.Select(k => (k.Manifest.Seq, k.Why)));
        Assert.Equal([3L, 6L], plan.Remove.Select(m => m.Seq));

        CheckpointManifest At(long seq, double hours, double? loss = null) => SomeManifest(seq) with
        {
            CreatedUtc = day.AddHours(hours),
            Metrics = loss is { } value ? new Dictionary<string, double> { ["validation.mlm.loss"] = value } : [],
        };
    }

    [Theory]
    [InlineData("validation.mlm.accuracy", 3)]
    [InlineData("validation.mlm.loss", 1)]
    public void OfAnAccuracyTheHighestIsTheBestOfALossTheLowest(string metric, long bestSeq)
    {
        var manifests = Enumerable.Range(1, 9).Select(seq => SomeManifest(seq) with
        {
            Metrics = new Dictionary<string, double> { [metric] = seq is 1 ? 0.1 : seq is 3 ? 0.9 : 0.5 },
        }).ToList();

        var plan = RetentionPlan.Decide(new RetentionState { Manifests = manifests }, new RetentionPolicy(2) { KeepBest = new KeepBestSpec(metric, 1) }, 9, 0);

        Assert.Equal([9, 8, bestSeq], plan.Keep.Select(k => k.Manifest.Seq));
    }

    [Fact]
    public void APinnedCheckpointStaysUntilItIsUnpinned()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 40; step += 10)
            run.Save(step);

        Assert.Equal((true, false), (run.Catalog.Pin(1), run.Catalog.Pin(1)));
        Assert.Equal([1L], run.Catalog.Pinned());
        Assert.Equal([2L], run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
        Assert.Equal((true, false), (run.Catalog.Unpin(1), run.Catalog.Unpin(1)));
        Assert.Equal([1L], run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
        Assert.Throws<KaleidoException>(() => run.Catalog.Pin(1));
        Assert.Empty(run.Catalog.Pinned());
    }

    [Fact]
    public void ACheckpointPinnedWhileRetentionRunsStays()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        for (var step = 10; step <= 40; step += 10)
            run.Save(step);
        storage.Before = (operation, path, _) =>
        {
            if (operation == Operation.Delete && path == run.Paths.Manifest(1))
                new Run(folder.Path).Catalog.Pin(2);
        };

        Assert.Equal([1L], run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage).RemovedSeqs);
        Assert.Equal([2L, 3L, 4L], run.Catalog.List().Select(l => l.Seq));
    }

    [Fact]
    public void APlanChangesNothingAndPruningDoesWhatItSays()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        for (var step = 10; step <= 50; step += 10)
            run.Save(step);
        var before = Directory.GetFileSystemEntries(folder.Path, "*", SearchOption.AllDirectories);

        var plan = run.Catalog.PlanRetention(new RetentionPolicy(2));

        Assert.Equal(before, Directory.GetFileSystemEntries(folder.Path, "*", SearchOption.AllDirectories));
        Assert.Equal([1L, 2L, 3L], plan.Remove.Select(m => m.Seq));
        Assert.Equal([1L, 2L, 3L], run.Catalog.Prune(new RetentionPolicy(2)).RemovedSeqs);
        Assert.Equal(6, run.Save(60).Seq);
    }

    [Fact]
    public void RandomHistoriesKeepTheNewestTheBaseAndAllThatMayNotGo()
    {
        var random = new Random(99);
        for (var trial = 0; trial < 2000; trial++)
        {
            var manifests = Enumerable.Range(1, random.Next(0, 12))
                .Where(_ => random.Next(4) > 0)
                .Select(seq => SomeManifest(seq) with { Kind = (CheckpointKind)random.Next(3) })
                .OrderBy(_ => random.Next())
                .ToList();
            var keepLast = random.Next(-1, 6);
            var baseSeq = random.Next(0, 12);
            long[] pinned = [random.Next(12), random.Next(12)];

            var plan = RetentionPlan.Decide(new RetentionState { Manifests = manifests, Pinned = pinned }, new RetentionPolicy(keepLast), 9, baseSeq);

            Assert.Equal(manifests.Select(m => m.Seq).Order(), plan.Keep.Select(k => k.Manifest).Concat(plan.Remove).Select(m => m.Seq).Order());
            Assert.All(plan.Remove, m => Assert.True(m.Kind != CheckpointKind.Final && m.Seq != baseSeq && !pinned.Contains(m.Seq)));
            Assert.All(plan.Remove, m => Assert.True(manifests.Count(other => other.Seq > m.Seq) >= Math.Max(2, keepLast)));
            Assert.True(plan.Keep.Count >= Math.Min(2, manifests.Count));
        }
    }

    private static CheckpointManifest SomeManifest(long seq) => new()
    {
        Seq = seq, JobId = "j", Generation = 1, Attempt = 1, Writer = "w", CreatedUtc = default, Kind = CheckpointKind.Periodic, Step = 100 + seq, SamplesConsumed = 0,
        WorldSize = 1, VirtualRanks = 1, GlobalBatch = 1, ThreadsPerRank = 1, Data = new CheckpointDataState("", "", 0, 0, 0), ConfigHash = "", ModelHash = "",
        WeightsXxh128 = "", Software = new Dictionary<string, string>(), Files = [],
    };
}
