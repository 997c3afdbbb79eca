using System.Security.Cryptography;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class DamageTests
{
    [Fact]
    public void AnEmptyRunHasNoCheckpointAndNoDamage()
    {
        using var folder = new TemporaryFolder();
        var selection = new Run(folder["nothing", "yet"]).Catalog.FindLatestValid();
        Assert.Null(selection.Manifest);
        Assert.Empty(selection.Damages);
        Assert.Equal(CheckpointHead.Empty, selection.Head);
    }

    [Fact]
    public void AFlippedBitAnywhereInTheNewestCheckpointFallsBackToTheOneBefore()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(1200);
        var newest = run.Save(1500);
        var files = run.FilesOf(newest);
        var random = new Random(4711);
        for (var trial = 0; trial < 400; trial++)
        {
            var file = files[random.Next(files.Count)];
            var bit = random.NextInt64(new FileInfo(file).Length * 8);
            using var damage = new Damaged(file, bytes =>
            {
                bytes[bit / 8] ^= (byte)(1 << (int)(bit % 8));
                return bytes;
            });

            var selection = new Run(folder.Path).Catalog.FindLatestValid();

            Assert.Equal(1, selection.Manifest!.Seq);
            var found = Assert.Single(selection.Damages);
            Assert.Equal((2, "KD-S110", Path.GetFileName(file), 1, true), (found.Seq, found.Problem.Code, found.Problem.File, found.UsedSeq, found.Quarantined));
            Assert.Equal(file == files[0] ? null : 300, found.StepsLost);
            Assert.Equal(new CheckpointHead(1, selection.Manifest.Self, 2, []) with { Supersedes = selection.Head.Supersedes }, selection.Head);
            Assert.Equal([2L], selection.Head.Supersedes);
            ReturnFromQuarantine(folder, 2);
        }

        Assert.Equal(2, run.Catalog.FindLatestValid().Manifest!.Seq);
    }

    [Fact]
    public void TheFilesOfAJobsLastCheckpointHaveASha256ThatIsVerified()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        Assert.All(run.Save(10).Files, file => Assert.Null(file.Sha256));
        var last = run.Save(20, CheckpointKind.Final);
        Assert.All(last.Files, file => Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(run.DataFile(last, file.Name)))), file.Sha256));
        Assert.Equal(last.Files, run.Catalog.Read(2).Files);
        Assert.True(run.Catalog.Verify(2).IsValid);

        // As if somebody had made other bytes of the same xxh128.
        var forged = run.Write(30, CheckpointKind.Final);
        forged = forged with { Files = [.. forged.Files.Select(file => file with { Sha256 = new string('0', 64) })] };
        Assert.IsType<CommitResult.Committed>(run.Catalog.Commit(forged, run.Lineage));
        Assert.All(run.Catalog.Verify(3).Problems, problem => Assert.EndsWith($", expected {new string('0', 64)}", problem.Text, StringComparison.Ordinal));
        Assert.Equal(forged.Files.Count, run.Catalog.Verify(3).Problems.Count);
    }

    [Fact]
    public void DamageOfALargeFileIsNamedByItsPlaceAndItsTensors()
    {
        using var folder = new TemporaryFolder();
        // One file of 68 MiB: the second chunk has the end of the first tensor, and the second. One of twice that.
        var run = new Run(folder.Path, form: [("bert.first", [16 << 20]), ("bert.second", [1 << 20])]);
        var saved = run.Save(1200);
        Assert.True(run.Catalog.Verify(1).IsValid);
        Assert.Equal([2, 3, 0], saved.Files.OrderBy(f => f.Name).Select(f => (f.ChunksXxh3?.Length ?? 0) / CheckpointFile.ChunkDigits));

        Flip("model-00001-of-00001.safetensors", saved.Files.First(f => f.Name.StartsWith("model", StringComparison.Ordinal)).Bytes - 1);
        Assert.EndsWith("; bytes 67108864-71307263 differ (in 'bert.first', 'bert.second')", Assert.Single(run.Catalog.Verify(1).Problems).Text, StringComparison.Ordinal);
        Flip("model-00001-of-00001.safetensors", 9); // the header, too: nothing in it is to be believed
        Assert.EndsWith("; bytes 0-71307263 differ", Assert.Single(run.Catalog.Verify(1).Problems).Text, StringComparison.Ordinal);

        void Flip(string name, long at)
        {
            using var file = File.Open(run.DataFile(saved, name), FileMode.Open);
            file.Position = at;
            var value = file.ReadByte();
            file.Position = at;
            file.WriteByte((byte)(value ^ 4));
        }
    }

    [Fact]
    public void EveryTruncationAtABoundaryIsFoundAndNamed()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(1200);
        var newest = run.Save(1500);
        foreach (var file in newest.Files)
        {
            var path = run.DataFile(newest, file.Name);
            foreach (var length in Boundaries(path))
            {
                using var damage = new Damaged(path, bytes => bytes[..(int)length]);
                var found = Assert.Single(new Run(folder.Path).Catalog.FindLatestValid().Damages);
                Assert.Equal(("KD-S111", $"it has {length} bytes, expected {file.Bytes}"), (found.Problem.Code, found.Problem.Text));
                Assert.Equal($"KD-S111 Checkpoint 2 is damaged ({file.Name}: it has {length} bytes, expected {file.Bytes}). Using 1: 300 steps are repeated. Its manifest was moved to quarantine/.", found.Message);
                ReturnFromQuarantine(folder, 2);
            }
        }
    }

    [Fact]
    public void AMissingFileAMissingFolderAndSwappedFilesAreFound()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var first = run.Save(1200);
        var second = run.Save(1500);
        var (model1, model2) = (run.DataFile(first, first.Files[0].Name), run.DataFile(second, second.Files[0].Name));

        File.Move(model2, model2 + ".away");
        Assert.Equal(("KD-S111", "it is missing"), Problem(run.Catalog.Verify(2)));
        File.Move(model2 + ".away", model2);

        Directory.Move(Path.GetDirectoryName(model2)!, folder["away"]);
        Assert.Equal(3, run.Catalog.Verify(2).Problems.Count);
        Directory.Move(folder["away"], Path.GetDirectoryName(model2)!);

        // Same size, whole, and of another step.
        File.Move(model1, folder["swap"]);
        File.Move(model2, model1);
        File.Move(folder["swap"], model2);
        Assert.Equal("KD-S110", Problem(run.Catalog.Verify(1)).Code);
        Assert.Equal("KD-S110", Problem(run.Catalog.Verify(2)).Code);
        Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid());

        static (string Code, string Text) Problem(CheckpointVerification verification) => (Assert.Single(verification.Problems).Code, verification.Problems[0].Text);
    }

    [Fact]
    public void AManifestUnderAnotherNumberIsFound()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        File.Copy(run.Paths.Manifest(1), run.Paths.Manifest(2));
        Assert.Contains("manifest of checkpoint 1 under another number", Assert.Single(run.Catalog.Verify(2).Problems).Text);
        Assert.Equal(1, run.Catalog.FindLatestValid().Manifest!.Seq);
    }

    [Fact]
    public void AChildOfAnotherHistoryIsFound()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        var foreign = new Run(other.Path);
        foreign.Save(11);
        foreign.Save(20);
        File.Copy(foreign.Paths.Manifest(2), run.Paths.Manifest(2));
        Directory.Move(other["data", "g0000000001-s00000020-a1"], folder["data", "g0000000001-s00000020-a1"]);

        Assert.Contains("it continues checkpoint 1 as sha256:", Assert.Single(run.Catalog.Verify(2).Problems).Text);
    }

    [Fact]
    public void AfterADamagedManifestTheNextNumberIsOneAboveTheHighestEver()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        run.Save(20);
        run.Save(30);
        File.WriteAllText(run.Paths.Manifest(3), "{}");

        var selection = run.Resume();
        var fourth = run.Save(30);

        Assert.Equal((2, 3), (selection.Manifest!.Seq, selection.Head.LastSeq));
        Assert.Equal((4, 2), (fourth.Seq, fourth.ParentSeq));
        Assert.Equal([3L], fourth.Supersedes);
        Assert.Equal("{}", File.ReadAllText(folder["quarantine", "000000000003.json"]));
        Assert.Equal([1L, 2L, 4L], run.Catalog.List().Select(l => l.Seq));

        // The same after a restart between quarantine and the next save.
        File.WriteAllText(run.Paths.Manifest(4), "");
        run.Resume();
        run.Resume();
        Assert.Equal((5, 2), (run.Save(30).Seq, run.Catalog.Read(5).ParentSeq));
        Assert.Equal([3L, 4L], run.Catalog.Read(5).Supersedes);
    }

    [Fact]
    public void WhenNoneIsValidStartingOverIsLeftToTheUserAlsoTheSecondTime()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var only = run.Save(10);
        File.Delete(run.DataFile(only, only.Files[1].Name));

        Assert.StartsWith(
            $"None of the checkpoints of '{folder.Path}' is valid. KD-S111 Checkpoint 1 is damaged (optim-00001-of-00001.safetensors: it is missing). No earlier one is valid.",
            Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid()).Message);
        Assert.Contains("All were moved to", Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid()).Message);
    }

    [Fact]
    public void WhereDamageWouldCostMoreStepsThanAllowedTheUserDecidesAndNothingIsMoved()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        var newest = run.Save(310);
        File.WriteAllText(run.DataFile(newest, "state-00001-of-00001.json"), "damaged");

        for (var trial = 0; trial < 2; trial++)
        {
            var error = Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid(maxLostSteps: 299));
            Assert.StartsWith($"KD-S111 Checkpoint 2 of '{folder.Path}' is damaged (state-00001-of-00001.json: it has 7 bytes, expected ", error.Message);
            Assert.EndsWith("going on from 1 would repeat 300 steps, expected at most 299 (checkpoint.max_lost_steps). Restore it from a copy, or accept the loss with --resume 1.", error.Message);
            Assert.Equal([1L, 2L], run.Catalog.Numbers());
        }

        var selection = run.Catalog.FindLatestValid(maxLostSteps: 300);
        Assert.Equal((1, 300, true), (selection.Manifest!.Seq, selection.Damages[0].StepsLost, selection.Damages[0].Quarantined));
        Assert.Empty(run.Catalog.FindLatestValid(maxLostSteps: 0).Damages);
    }

    [Fact]
    public void ACheckpointOfANewerProgramIsNotMovedAway()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        var (utf8, _) = CheckpointManifestJson.Encode(run.Catalog.Read(1) with { Seq = 2, ParentSeq = 0, ParentHash = null, MinReader = 2, Self = null });
        File.WriteAllBytes(run.Paths.Manifest(2), utf8);

        Assert.Contains("needs reader version 2", Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid()).Message);
        Assert.True(File.Exists(run.Paths.Manifest(2)));
    }

    [Fact]
    public void AFileThatCannotBeReadFallsBackWithoutMovingAnything()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        var second = run.Save(20);
        // A directory in the file's place cannot be read, and says nothing about the bytes that were written.
        var model = run.DataFile(second, second.Files[0].Name);
        File.Delete(model);
        Directory.CreateDirectory(model);

        var damage = Assert.Single(run.Catalog.FindLatestValid().Damages);

        Assert.False(damage.Quarantined);
        Assert.Contains("it cannot be read", damage.Problem.Text);
        Assert.True(File.Exists(run.Paths.Manifest(2)));
    }

    [Fact]
    public void AManifestThatCannotBeReadFallsBackWithoutMovingAnything()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path, new UnreadableManifests(PosixStorage.Instance, CheckpointPaths.ManifestName(2)));
        run.Save(10);
        run.Save(20);

        var selection = run.Catalog.FindLatestValid();

        Assert.Equal(1, selection.Manifest!.Seq);
        Assert.False(Assert.Single(selection.Damages).Quarantined);
        Assert.Equal([2L], selection.Head.Supersedes);
    }

    private sealed class UnreadableManifests(IStorage inner, string name) : ForwardingStorage(inner)
    {
        public override IStorageReader? OpenRead(string path) => Path.GetFileName(path) == name ? throw new PosixException("open", path, Errno.EIO) : base.OpenRead(path);
    }

    [Fact]
    public void ACheckpointOfAnotherJobIsRefusedWithAllDifferences()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        var agreed = new CheckpointExpectations { Seed = 42, GlobalBatch = 32, VirtualRanks = 8, DatasetFingerprint = new string('d', 64), ModelHash = run.Catalog.Read(1).ModelHash };
        Assert.Equal(1, run.Catalog.FindLatestValid(agreed).Manifest!.Seq);

        var error = Assert.Throws<KaleidoException>(() => run.Catalog.FindLatestValid(agreed with { Seed = 7, GlobalBatch = 64 }));

        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains("seed is 42, expected 7; training.global_batch_size is 32, expected 64.", error.Message);
        Assert.True(File.Exists(run.Paths.Manifest(1)));
    }

    [Fact]
    public void AMissingOrDamagedNumberCannotBeReadAndSaysWhatToDo()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        run.Save(10);
        Assert.Equal(
            $"Checkpoint 7 of '{folder.Path}' cannot be read: there is none of this number. 'kaleido checkpoint list {folder.Path}' shows those that can.",
            Assert.Throws<KaleidoException>(() => run.Catalog.Read(7)).Message);
        File.WriteAllText(run.Paths.Manifest(1), "{");
        Assert.Contains("its manifest is damaged, it is not JSON", Assert.Throws<KaleidoException>(() => run.Catalog.Read(1)).Message);
        Assert.Null(Assert.Single(run.Catalog.List()).Manifest);
    }

    /// <summary>0, around the length field, around the header, around every tensor, and one short of the end.</summary>
    private static IEnumerable<long> Boundaries(string path)
    {
        var size = new FileInfo(path).Length;
        long[] edges = [0, 8, size];
        if (path.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(path)!);
            edges = [.. edges, reader.Header.DataStart, .. reader.Header.Entries.Select(e => reader.Header.DataStart + e.Offset)];
        }

        return edges.SelectMany(e => new[] { e - 1, e, e + 1 }).Where(e => e >= 0 && e < size).Distinct().Order();
    }

    /// <summary>Undoes the move to quarantine, so that the next trial finds the same folder.</summary>
    private static void ReturnFromQuarantine(TemporaryFolder folder, long seq)
    {
        var name = CheckpointPaths.ManifestName(seq);
        File.Move(folder["quarantine", name], folder["log", name]);
    }

    /// <summary>A file with other content, until disposed.</summary>
    private sealed class Damaged : IDisposable
    {
        private readonly string path;
        private readonly byte[] original;

        public Damaged(string path, Func<byte[], byte[]> change)
        {
            this.path = path;
            original = File.ReadAllBytes(path);
            File.WriteAllBytes(path, change((byte[])original.Clone()));
        }

        public void Dispose() => File.WriteAllBytes(path, original);
    }
}
