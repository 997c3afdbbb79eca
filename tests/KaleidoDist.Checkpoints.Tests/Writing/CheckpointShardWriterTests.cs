using System.IO.Hashing;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class CheckpointShardWriterTests
{
    [Fact]
    public void AShardIsThreeFilesInAFolderOfItsOwnWithTheirHashes()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder["run"]);

        var proposal = run.Write(step: 1500);

        Assert.Equal("g0000000001-s00001500-a1", proposal.Directory);
        Assert.Equal(["model-00001-of-00001.safetensors", "optim-00001-of-00001.safetensors", "state-00001-of-00001.json"], proposal.Files.Select(f => f.Name));
        Assert.Equal([6, 12, 0], proposal.Files.Select(f => f.Tensors));
        Assert.All(proposal.Files, file =>
        {
            var bytes = File.ReadAllBytes(folder["run", "data", proposal.Directory, file.Name]);
            Assert.Equal((bytes.Length, Convert.ToHexStringLower(XxHash128.Hash(bytes))), (file.Bytes, file.Xxh128));
        });
        using var weights = NativeTensors.Seeded(1500);
        Assert.Equal(WeightsHash.Compute(weights.Sources), proposal.WeightsXxh128);
    }

    [Fact]
    public void AFileCanBeToldWithoutItsManifest()
    {
        using var folder = new TemporaryFolder();
        var proposal = new Run(folder.Path).Write(step: 7);
        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["data", proposal.Directory, proposal.Files[0].Name])!);
        Assert.Equal(("pt", "job-1", "7", "1", proposal.WeightsXxh128), (
            reader.Header.Metadata["format"],
            reader.Header.Metadata["kaleido_job"],
            reader.Header.Metadata["step"],
            reader.Header.Metadata["generation"],
            reader.Header.Metadata["content_xxh128"]));
    }

    [Fact]
    public void AFolderThatExistsIsNeverWrittenInto()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        Directory.CreateDirectory(folder["data", "g0000000001-s00000007-a1"]);

        Assert.Equal("g0000000001-s00000007-a2", run.Write(step: 7).Directory);
        Assert.Equal("g0000000001-s00000007-a3", run.Write(step: 7).Directory);
        Assert.Empty(Directory.GetFiles(folder["data", "g0000000001-s00000007-a1"]));
    }

    [Fact]
    public void EveryFileAndEveryFolderIsSyncedBeforeTheProposalExists()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var proposal = new Run(folder.Path, storage).Write(step: 7);
        var data = folder["data", proposal.Directory];
        (Operation, string)[] expected =
        [
            (Operation.CreateDirectory, data),
            (Operation.SyncDirectory, folder["data"]),
            .. proposal.Files.SelectMany(f => new[] { Operation.Create, Operation.Sync, Operation.Close }.Select(o => (o, Path.Combine(data, f.Name)))),
            (Operation.SyncDirectory, data),
        ];
        Assert.Equal(expected, storage.Journal.Where(j => j.Operation is not (Operation.EnsureDirectory or Operation.Write or Operation.Preallocate)));
    }

    [Fact]
    public void TooLittleRoomIsFoundBeforeAnythingIsWritten()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance) { FreeBytesOverride = 10_000 };

        var error = Assert.Throws<CheckpointWriteException>(() => new Run(folder.Path, storage).Write(step: 7));

        Assert.Equal("KD-S101", error.Code);
        Assert.Matches(
            $"^KD-S101 No space in '{folder.Path}': need 1[0-9]\\.[0-9] kB, free 10\\.0 kB\\. Step 7 was not saved; earlier checkpoints are intact and training goes on\\. Free space there or lower checkpoint\\.keep\\.last\\.$",
            error.Message);
        Assert.Empty(Directory.GetFileSystemEntries(folder["data"]));
    }

    [Theory]
    [InlineData(Errno.ENOSPC, "KD-S101", "no space left (ENOSPC)")]
    [InlineData(Errno.EDQUOT, "KD-S101", "quota used up (EDQUOT)")]
    [InlineData(Errno.EROFS, "KD-S103", "read-only (EROFS)")]
    [InlineData(Errno.EACCES, "KD-S103", "permission denied (EACCES)")]
    [InlineData(Errno.EIO, "KD-S104", "the device reported an error (EIO)")]
    public void AFailureAtAnyOperationEndsTheAttemptWithItsCauseAndTheNextSucceeds(int errno, string code, string cause)
    {
        using var counting = new TemporaryFolder();
        var journal = new FaultyStorage(PosixStorage.Instance);
        new Run(counting.Path, journal).Write(step: 7);

        for (var number = 1; number <= journal.Journal.Count; number++)
        {
            using var folder = new TemporaryFolder();
            var storage = new FaultyStorage(PosixStorage.Instance);
            var run = new Run(folder.Path, storage);
            storage.FailAt(number, errno);

            var error = Assert.Throws<CheckpointWriteException>(() => run.Write(step: 7));

            var failed = storage.Journal[number - 1];
            Assert.Equal(code, error.Code);
            Assert.Contains($"{failed.Operation} of '{failed.Path}' failed: ", error.Message);
            Assert.Contains(cause, error.Message);
            Assert.Contains("training goes on", error.Message);
            Assert.DoesNotContain('\n', error.Message);

            // A failed fsync is not tried again, nor anything else but removal; nothing is left that could be taken for a checkpoint.
            Assert.All(storage.After(number), operation => Assert.True(operation is Operation.Delete or Operation.DeleteDirectory, $"{operation} after a failed {failed.Operation}"));
            Assert.True(!Directory.Exists(folder["data"]) || Directory.GetDirectories(folder["data"]).Length == 0);

            storage.Before = null;
            run.Save(step: 8);
        }
    }

    [Fact]
    public void SeveralShardsShareAFolderAndMakeUpTheWholeStateWhichIsReadAsOne()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        using NativeTensors weights = NativeTensors.Seeded(1), first = NativeTensors.Seeded(2), second = NativeTensors.Seeded(3);
        var whole = Whole(weights, first, second);
        CheckpointShard[] shards = [.. Enumerable.Range(1, 3).Select(shard => new CheckpointShardWriter(folder.Path).Write(whole.Share(shard, 3)))];

        Assert.Equal(["g0000000001-s00000007-a1"], shards.Select(s => s.Directory).Distinct());
        var proposal = run.Proposal(7, shards[0] with { Files = [.. shards.SelectMany(s => s.Files)] });
        var manifest = Assert.IsType<CommitResult.Committed>(run.Catalog.Commit(proposal, run.Lineage)).Manifest;
        Assert.Equal((9, 18), (manifest.Files.Count, manifest.Files.Sum(f => f.Tensors)));
        using NativeTensors w = new(), m = new(), v = new();
        Assert.Equal(7, new CheckpointLoader(folder.Path).Load(manifest, w.Destinations, m.Destinations, v.Destinations).OptimizerStep);
        Assert.Equal([weights.AllBytes(), first.AllBytes(), second.AllBytes()], new[] { w.AllBytes(), m.AllBytes(), v.AllBytes() });
    }

    [Fact]
    public void AShardThatFailsRemovesItsOwnFilesAndLeavesTheOthers()
    {
        using var folder = new TemporaryFolder();
        using NativeTensors weights = NativeTensors.Seeded(1), first = NativeTensors.Seeded(2), second = NativeTensors.Seeded(3);
        var whole = Whole(weights, first, second);
        var healthy = new CheckpointShardWriter(folder.Path).Write(whole.Share(1, 2));
        var storage = new FaultyStorage(PosixStorage.Instance) { Before = (operation, path, _) => Fail(operation == Operation.Write && path.Contains("optim-00002", StringComparison.Ordinal), path) };
        Assert.Equal("KD-S101", Assert.Throws<CheckpointWriteException>(() => new CheckpointShardWriter(folder.Path, storage).Write(whole.Share(2, 2))).Code);
        var data = folder["data", healthy.Directory];
        Assert.Equal(healthy.Files.Select(f => f.Name), Directory.GetFiles(data).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        new CheckpointShardWriter(folder.Path).Discard(healthy);
        Assert.False(Directory.Exists(data));

        static void Fail(bool when, string path)
        {
            if (when)
                throw new PosixException("write", path, Errno.ENOSPC);
        }
    }

    [Fact]
    public void AFileThatIsSomebodyElsesIsNeitherWrittenNorRemoved()
    {
        using var folder = new TemporaryFolder();
        using NativeTensors weights = NativeTensors.Seeded(1), first = NativeTensors.Seeded(2), second = NativeTensors.Seeded(3);
        var taken = folder["data", "g0000000001-s00000007-a1", "optim-00002-of-00002.safetensors"];
        Directory.CreateDirectory(Path.GetDirectoryName(taken)!);
        File.WriteAllText(taken, "somebody else's");
        Assert.Throws<CheckpointWriteException>(() => new CheckpointShardWriter(folder.Path).Write(Whole(weights, first, second).Share(2, 2)));
        Assert.Equal([taken], Directory.GetFiles(Path.GetDirectoryName(taken)!));
        Assert.Equal("somebody else's", File.ReadAllText(taken));
    }

    [Fact]
    public void ASaveThatIsCancelledLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        using NativeTensors weights = NativeTensors.Seeded(1), first = NativeTensors.Seeded(2), second = NativeTensors.Seeded(3);
        using var cancellation = new CancellationTokenSource();
        var storage = new FaultyStorage(PosixStorage.Instance) { Before = (operation, _, _) => CancelAt(operation == Operation.Sync) };
        Assert.Throws<OperationCanceledException>(() => new CheckpointShardWriter(folder.Path, storage).Write(Whole(weights, first, second), cancellation.Token));
        Assert.Empty(Directory.GetDirectories(folder["data"]));

        void CancelAt(bool when)
        {
            if (when)
                cancellation.Cancel();
        }
    }

    [Fact]
    public void ASnapshotIsACopyThatIsWrittenInTheSameBytes()
    {
        using TemporaryFolder live = new(), copied = new();
        using NativeTensors weights = NativeTensors.Seeded(1), first = NativeTensors.Seeded(2), second = NativeTensors.Seeded(3);
        using var memory = new SnapshotMemory();
        for (var shard = 1; shard <= 2; shard++)
        {
            var share = Whole(weights, first, second).Share(shard, 2);
            var expected = new CheckpointShardWriter(live.Path).Write(share);
            var copy = memory.Copy(share);
            Assert.Empty(copy.Weights.Where(t => t.Bytes > 0).Select(t => t.Address).Intersect(share.Weights.Select(t => t.Address)));
            Assert.Equal(expected.Files, new CheckpointShardWriter(copied.Path).Write(copy).Files);
        }
    }

    private static CheckpointSnapshot Whole(NativeTensors weights, NativeTensors first, NativeTensors second) => new()
    {
        JobId = "job-1", Generation = 1, Step = 7, State = new TrainingState(7), WeightsXxh128 = WeightsHash.Compute(weights.Sources),
        Weights = weights.Sources, FirstMoments = first.Sources, SecondMoments = second.Sources,
    };
}
