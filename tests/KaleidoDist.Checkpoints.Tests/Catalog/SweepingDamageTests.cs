using System.Diagnostics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Damage of every kind at every place of a small checkpoint, kept in memory: nothing damaged is ever used, and the one before is.</summary>
public sealed class SweepingDamageTests
{
    private const string Folder = "/runs/job";
    private static readonly TimeSpan FallbackLimit = TimeSpan.FromSeconds(1);
    private readonly MemoryStorage storage = new();
    private readonly Run run;
    private readonly CheckpointManifest older;
    private readonly CheckpointManifest newer;

    public SweepingDamageTests()
    {
        run = new Run(Folder, storage);
        older = run.Save(1200);
        newer = run.Save(1500);
    }

    /// <summary>Trials for each class of bytes; 10,000 together.</summary>
    [Theory]
    [InlineData(ByteClass.Manifest, 2500)]
    [InlineData(ByteClass.HeaderLength, 500)]
    [InlineData(ByteClass.Header, 2500)]
    [InlineData(ByteClass.HeaderPadding, 500)]
    [InlineData(ByteClass.Data, 3500)]
    [InlineData(ByteClass.State, 500)]
    internal void OneFlippedBitIsFoundReportedMovedAwayAndTheCheckpointBeforeIsUsed(ByteClass byteClass, int trialCount)
    {
        var places = Places(byteClass).ToList();
        var random = new Random((int)byteClass);
        var slowCount = 0;
        for (var trial = 0; trial < trialCount; trial++)
        {
            // Every byte gets its turn; which of its bits, chance decides.
            var (path, offset) = places[trial % places.Count];
            var content = storage.Find(path)!.Content;
            var bit = (byte)(1 << random.Next(8));
            content[offset] ^= bit;
            var started = Stopwatch.GetTimestamp();

            var selection = new CheckpointCatalog(Folder, Run.Time, storage).FindLatestValid();

            slowCount += Stopwatch.GetElapsedTime(started) > FallbackLimit ? 1 : 0;
            var damage = Assert.Single(selection.Damages);
            Assert.Equal((older.Seq, older.Self), (selection.Manifest!.Seq, selection.Manifest.Self));
            Assert.Equal(
                (newer.Seq, CheckpointProblem.Damaged, Path.GetFileName(path), true),
                (damage.Seq, damage.Problem.Code, damage.Problem.File, damage.Quarantined));
            content[offset] ^= bit;
            ReturnFromQuarantine();
        }

        // A busy machine may stop any one of them for a while.
        Assert.InRange(slowCount, 0, trialCount / 100);
        Assert.Equal(newer.Seq, run.Catalog.FindLatestValid().Manifest!.Seq);
    }

    [Fact]
    public void EveryTruncationOfTheManifestIsFound()
    {
        var node = storage.Find(run.Paths.Manifest(newer.Seq))!;
        var whole = node.Content;
        for (var length = 0; length < whole.Length; length++)
        {
            node.Content = whole[..length];
            Assert.Equal(CheckpointProblem.Damaged, Assert.Single(run.Catalog.Verify(newer.Seq).Problems).Code);
        }

        node.Content = whole;
        Assert.True(run.Catalog.Verify(newer.Seq).IsValid);
    }

    [Fact]
    public void TruncationsOfAFileAndAnAppendedByteAreFound()
    {
        foreach (var file in newer.Files)
        {
            var node = storage.Find(run.DataFile(newer, file.Name))!;
            var whole = node.Content;
            for (var length = 0; length < whole.Length; length += length < 64 || length > whole.Length - 64 ? 1 : 16)
            {
                node.Content = whole[..length];
                RequireProblem(CheckpointProblem.Missing, file.Name);
            }

            node.Content = [.. whole, 0];
            RequireProblem(CheckpointProblem.Missing, file.Name);
            node.Content = whole;
        }

        Assert.True(run.Catalog.Verify(newer.Seq).IsValid);
    }

    [Fact]
    public void EveryMissingFileIsFoundAndTheCheckpointBeforeIsUsed()
    {
        foreach (var file in newer.Files)
        {
            var folder = storage.Find(run.Paths.DataFolder(newer.Generation, newer.Step, newer.Attempt))!;
            folder.Names.Remove(file.Name, out var node);

            var selection = run.Catalog.FindLatestValid();

            Assert.Equal(older.Seq, selection.Manifest!.Seq);
            Assert.Equal((CheckpointProblem.Missing, file.Name), (Assert.Single(selection.Damages).Problem.Code, selection.Damages[0].Problem.File));
            folder.Names.Add(file.Name, node!);
            ReturnFromQuarantine();
        }
    }

    [Fact]
    public void EveryTwoFilesThatChangedPlacesAreFound()
    {
        var paths = newer.Files.Select(f => run.DataFile(newer, f.Name)).Concat(older.Files.Select(f => run.DataFile(older, f.Name))).Append(run.Paths.Manifest(1)).Append(run.Paths.Manifest(2)).ToList();
        var swapCount = 0;
        foreach (var (one, other) in from i in Enumerable.Range(0, paths.Count) from j in Enumerable.Range(0, i) select (paths[i], paths[j]))
        {
            Swap(one, other);
            Assert.Contains(run.Catalog.List(), l => !run.Catalog.Verify(l.Seq).IsValid);
            Swap(one, other);
            swapCount++;
        }

        Assert.Equal(28, swapCount);
        Assert.All(run.Catalog.List(), l => Assert.True(run.Catalog.Verify(l.Seq).IsValid));
    }

    internal enum ByteClass { Manifest, HeaderLength, Header, HeaderPadding, Data, State }

    private IEnumerable<(string Path, int Offset)> Places(ByteClass byteClass)
    {
        string[] tensorFiles = [run.DataFile(newer, ShardNames.Tensors(ShardNames.Model)), run.DataFile(newer, ShardNames.Tensors(ShardNames.Optimizer))];
        return byteClass switch
        {
            ByteClass.Manifest => Bytes(run.Paths.Manifest(newer.Seq), 0, int.MaxValue),
            ByteClass.State => Bytes(run.DataFile(newer, ShardNames.Json(ShardNames.State)), 0, int.MaxValue),
            _ => tensorFiles.SelectMany(path =>
            {
                var content = storage.Find(path)!.Content;
                var data = SafetensorsHeader.DataAlignmentBytes;
                var text = content.AsSpan(0, data).LastIndexOf((byte)'}') + 1;
                return byteClass switch
                {
                    ByteClass.HeaderLength => Bytes(path, 0, SafetensorsHeader.PrefixBytes),
                    ByteClass.Header => Bytes(path, SafetensorsHeader.PrefixBytes, text),
                    ByteClass.HeaderPadding => Bytes(path, text, data),
                    _ => Bytes(path, data, int.MaxValue),
                };
            }),
        };

        IEnumerable<(string, int)> Bytes(string path, int from, int to)
            => Enumerable.Range(from, Math.Min(to, storage.Find(path)!.Content.Length) - from).Select(offset => (path, offset));
    }

    private void RequireProblem(string code, string file)
    {
        var problem = Assert.Single(run.Catalog.Verify(newer.Seq).Problems);
        Assert.Equal((code, file), (problem.Code, problem.File));
    }

    private void Swap(string one, string other)
        => (storage.Find(one)!.Content, storage.Find(other)!.Content) = (storage.Find(other)!.Content, storage.Find(one)!.Content);

    /// <summary>So that the next trial finds the same folder.</summary>
    private void ReturnFromQuarantine()
    {
        var away = Path.Combine(run.Paths.Quarantine, CheckpointPaths.ManifestName(newer.Seq));
        Assert.True(storage.TryLink(away, run.Paths.Manifest(newer.Seq)));
        storage.Delete(away);
    }
}
