using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class CommitTests
{
    [Fact]
    public void CommitsAreNumberedFromOneAndLinked()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);

        var first = run.Save(10);
        var second = run.Save(20, CheckpointKind.Preempt);

        Assert.Equal((1, 0, null), (first.Seq, first.ParentSeq, first.ParentHash));
        Assert.Equal((2, 1, first.Self), (second.Seq, second.ParentSeq, second.ParentHash));
        Assert.Equal(["000000000001.json", "000000000002.json"], Directory.GetFiles(folder["log"]).Select(Path.GetFileName).Order());
        Assert.Empty(Directory.GetFiles(folder["tmp"]));
        var read = run.Catalog.Read(2);
        Assert.Equal(second.Self, read.Self);
        Assert.Equal((20, 640, 2, 8, 32, CheckpointKind.Preempt), (read.Step, read.SamplesConsumed, read.WorldSize, read.VirtualRanks, read.GlobalBatch, read.Kind));
        Assert.Equal(new CheckpointDataState(new string('d', 64), "windowed-v1", 42, 0, 20), read.Data);
        Assert.Equal(Run.Time.GetUtcNow(), read.CreatedUtc);
        using var weights = NativeTensors.Seeded(20);
        Assert.Equal((WeightsHash.Compute(weights.Sources), ModelHash.Compute(weights.Sources)), (read.WeightsXxh128, read.ModelHash));
    }

    [Fact]
    public void TheManifestIsSyncedBeforeItsNameAndTheLogBeforeTheAnswer()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        var proposal = run.Write(10);
        storage.Journal.Clear();

        run.Catalog.Commit(proposal, run.Lineage);

        var operations = storage.Journal.Where(j => j.Operation != Operation.EnsureDirectory).ToList();
        Assert.Equal(
            [Operation.Create, Operation.Write, Operation.Sync, Operation.Close, Operation.Link, Operation.SyncDirectory, Operation.Delete],
            operations.Select(o => o.Operation));
        Assert.Equal((folder["log", "000000000001.json"], folder["log"]), (operations[4].Path, operations[5].Path));
    }

    [Fact]
    public void ASecondLeaderOnTheSameHeadLosesTheRaceAndHistoryStaysLinear()
    {
        using var folder = new TemporaryFolder();
        var a = new Run(folder.Path);
        a.Save(10);
        var b = new Run(folder.Path) { Lineage = a.Lineage with { Generation = 2, Writer = "coordinator-b" } };
        var lateProposal = a.Write(20);

        var committed = b.Save(20);

        Assert.Equal(new CommitResult.LostRace(2), a.Catalog.Commit(lateProposal, a.Lineage));
        Assert.Equal(committed.Self, a.Catalog.FindLatestValid().Manifest!.Self);
    }

    [Fact]
    public void OfLeadersThatCommitAtOnceExactlyOneWins()
    {
        using var folder = new TemporaryFolder();
        const int leaders = 8;
        var runs = Enumerable.Range(1, leaders).Select(g => new Run(folder.Path) { Lineage = new(Run.Job, g, 1, $"coordinator-{g}", CheckpointHead.Empty) }).ToList();
        var proposals = runs.Select(r => r.Write(10)).ToList();
        var results = new CommitResult[leaders];
        using var together = new Barrier(leaders);

        var threads = Enumerable.Range(0, leaders).Select(i => new Thread(() =>
        {
            together.SignalAndWait();
            results[i] = runs[i].Catalog.Commit(proposals[i], runs[i].Lineage);
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        var winner = Assert.Single(results.OfType<CommitResult.Committed>()).Manifest;
        Assert.Equal(leaders - 1, results.Count(r => r == new CommitResult.LostRace(1)));
        Assert.Equal(winner.Self, Assert.Single(runs[0].Catalog.List()).Manifest!.Self);
        Assert.Empty(Directory.GetFiles(folder["tmp"]));
    }

    [Fact]
    public void ACommitThatFailedAtItsVeryEndIsMadeDurableBeforeItIsToldOfWhenItIsProposedAgain()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        run.Save(10);
        var proposal = run.Write(20);
        storage.Before = (operation, path, _) =>
        {
            if (operation == Operation.SyncDirectory && path == run.Paths.Log)
                throw new PosixException("fsync", path, Errno.EIO);
        };
        Assert.Throws<CheckpointWriteException>(() => run.Catalog.Commit(proposal, run.Lineage));
        storage.Before = null;
        storage.Journal.Clear();

        // The same coordinator, or the next one: its record of the run is older than the manifest.
        var committed = Assert.IsType<CommitResult.Committed>(run.Catalog.Commit(proposal, run.Lineage));

        Assert.Equal((2, 20), (committed.Manifest.Seq, committed.Manifest.Step));
        Assert.Equal((Operation.SyncDirectory, run.Paths.Log), storage.Journal[^1]);
        Assert.Equal(2, Assert.IsType<CommitResult.LostRace>(run.Catalog.Commit(run.Write(30), run.Lineage)).Seq);
    }

    [Fact]
    public void ATakenNumberThatHoldsThisVeryCommitIsSuccess()
    {
        // A network file system may carry out a link, lose the answer, repeat it and report that the name is taken.
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path, new ForgetfulLinks(PosixStorage.Instance));
        Assert.Equal(1, run.Save(10).Seq);
    }

    [Fact]
    public void AFullDiskAtTheManifestIsReportedAndTheEarlierCheckpointStays()
    {
        using var folder = new TemporaryFolder();
        var storage = new FaultyStorage(PosixStorage.Instance);
        var run = new Run(folder.Path, storage);
        var first = run.Save(10);
        var proposal = run.Write(20);
        storage.FailAt(storage.Journal.Count + 6, Errno.ENOSPC);

        var error = Assert.Throws<CheckpointWriteException>(() => run.Catalog.Commit(proposal, run.Lineage));

        Assert.Equal(("KD-S101", Operation.Write, Operation.Delete), (error.Code, storage.Journal[^2].Operation, storage.Journal[^1].Operation));
        Assert.Equal(first.Self, run.Resume().Manifest!.Self);
        storage.Before = null;
        Assert.Equal(2, run.Save(20).Seq);
    }

    public static TheoryData<string, string> WrongProposals => new()
    {
        { "generation", "generation 9" },
        { "directory", "is not that of generation 1, step 10, attempt 1" },
        { "missing file", "is missing" },
        { "size", "were proposed" },
        { "no optimizer", "there is no 'optim' file" },
        { "same shard twice", "does not fit" },
        { "one of two", "1 of 2 'model' files" },
        { "foreign name", "is not a checkpoint's file" },
        { "not safetensors", "cannot be trusted" },
    };

    [Theory]
    [MemberData(nameof(WrongProposals))]
    public void AProposalThatIsNotWhatItSaysIsRefused(string how, string words)
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var good = run.Write(10);
        var model = good.Files[0];
        var path = folder["data", good.Directory, model.Name];
        var wrong = how switch
        {
            "generation" => good with { Generation = 9 },
            "directory" => good with { Directory = "../log" },
            "size" => good with { Files = [model with { Bytes = model.Bytes + 1 }, .. good.Files.Skip(1)] },
            "no optimizer" => good with { Files = [good.Files[0], good.Files[2]] },
            "same shard twice" => good with { Files = [model, .. good.Files] },
            "one of two" => good with { Files = [model with { Name = "model-00001-of-00002.safetensors" }, .. good.Files.Skip(1)] },
            "foreign name" => good with { Files = [.. good.Files, model with { Name = "notes.txt" }] },
            _ => good,
        };
        if (how == "missing file")
            File.Delete(path);
        if (how == "not safetensors")
            File.WriteAllBytes(path, new byte[model.Bytes]);

        var refused = Assert.IsType<CommitResult.Refused>(run.Catalog.Commit(wrong, run.Lineage));

        Assert.Contains(words, refused.Reason);
        Assert.Empty(run.Catalog.List());
    }

    [Fact]
    public void AProposalOfTheWireIsReadWhole()
    {
        var proto = new Protocol.V1.CheckpointProposal
        {
            Step = 1, Epoch = 2, StepInEpoch = 3, Samples = 4, Attempt = 5, Directory = "d", WeightsXxh128 = "w", Kind = "final",
            Files = { new Protocol.V1.CheckpointFile { Name = "n", Bytes = 6, Xxh128 = "x", Tensors = 7 } },
            Metrics = { ["loss"] = 8.5 },
        };
        var read = CheckpointProposalData.FromProto(proto, generation: 9);
        Assert.Equal(
            (1, 2, 3, 4, 5, "d", "w", CheckpointKind.Final, 9),
            (read.Step, read.Epoch, read.StepInEpoch, read.Samples, read.Attempt, read.Directory, read.WeightsXxh128, read.Kind, read.Generation));
        Assert.Equal([new CheckpointFile("n", 6, "x", 7)], read.Files);
        Assert.Equal(8.5, read.Metrics["loss"]);
        proto.Kind = "sometimes";
        Assert.Throws<KaleidoException>(() => CheckpointProposalData.FromProto(proto, 9));
    }

    /// <summary>Every link is carried out and then reported as taken.</summary>
    private sealed class ForgetfulLinks(IStorage inner) : IStorage
    {
        public void EnsureDirectory(string path) => inner.EnsureDirectory(path);

        public bool TryCreateDirectory(string path) => inner.TryCreateDirectory(path);

        public void SyncDirectory(string path) => inner.SyncDirectory(path);

        public IStorageFile Create(string path) => inner.Create(path);

        public bool TryLink(string existing, string created)
        {
            inner.TryLink(existing, created);
            return false;
        }

        public void Delete(string path) => inner.Delete(path);

        public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

        public IReadOnlyList<StorageEntry> List(string directory) => inner.List(directory);

        public IStorageReader? OpenRead(string path) => inner.OpenRead(path);

        public long FreeBytes(string directory) => inner.FreeBytes(directory);
    }
}
