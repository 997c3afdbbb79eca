using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class ImportRestartTests : IDisposable
{
    private const int PictureCount = 40;
    private readonly TemporaryFolder folder = new();

    public ImportRestartTests()
    {
        Directory.CreateDirectory(folder["pictures"]);
        for (var i = 0; i < PictureCount; i++)
            File.WriteAllBytes(folder[$"pictures/{i}.png"], i % 7 == 3 ? [1, 2, 3] : Pictures.HalfRed(10 + i, 10));
        File.WriteAllLines(folder["list.jsonl"], Enumerable.Range(0, PictureCount).Select(i => i == 5 ? "{" : JsonSerializer.Serialize(new { image = $"{i}.png", text = $"picture {i}" })));
    }

    public void Dispose() => folder.Dispose();

    private ImportOptions Options(string output = "out") => new() { OutputFolder = folder[output], RowsPerGroup = 2, RowsPerFile = 4, ValidationShare = 0.3 };

    private async Task<ImportReport> ImportAsync(ImportOptions options, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        using var source = new FolderSource(folder["pictures"], folder["list.jsonl"]);
        return await DatasetImporter.ImportAsync(source, options, progress, cancel);
    }

    [Fact]
    public async Task AnImportThatIsStoppedAgainAndAgainEndsWithTheSameBytes()
    {
        var whole = await ImportAsync(Options("whole"));
        var expected = ImportFolder.Contents(folder["whole"]);
        Assert.True(expected.Count > 8);
        var random = new KeyedRandom(3, RandomPurpose.Import);
        for (var trial = 0; trial < 6; trial++)
        {
            var options = Options($"trial-{trial}");
            var stops = 0;
            ImportReport? report = null;
            while (report is null)
            {
                using var stop = new StopAfter(1 + random.Next(25));
                try
                {
                    report = await ImportAsync(options, stop, stop.Token);
                }
                catch (OperationCanceledException)
                {
                    stops++;
                    Assert.True(stops < 40, "An import that goes on from its last shard ends after as many attempts as there are shards.");
                    Assert.Empty(Directory.GetFiles(options.OutputFolder, "*.partial", SearchOption.AllDirectories));
                }
            }

            Assert.True(stops > 0);
            Assert.Equal(expected, ImportFolder.Contents(options.OutputFolder));
            Assert.Equal((whole.TrainRows, whole.ValidationRows), (report.TrainRows, report.ValidationRows));
            Assert.Equal(whole.Skipped, report.Skipped);
            Assert.Equal(whole.FirstSkipped, report.FirstSkipped);
            Assert.False(Directory.Exists(Path.Combine(options.OutputFolder, ".import")));
        }
    }

    [Fact]
    public async Task ShardsThatAreCompleteAreNotWrittenAgain()
    {
        using (var stop = new StopAfter(15))
            await Assert.ThrowsAsync<OperationCanceledException>(() => ImportAsync(Options(), stop, stop.Token));
        var first = folder["out/train/part-00.parquet"];
        var time = new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(first, time);
        await ImportAsync(Options());
        Assert.Equal(time, File.GetLastWriteTimeUtc(first));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AShardThatWasDamagedOrLostIsWrittenAgainWithAllThatFollow(bool lost)
    {
        await ImportAsync(Options("whole"));
        await ImportAsync(Options());
        var shard = folder["out/train/part-01.parquet"];
        if (lost)
            File.Delete(shard);
        else
            File.WriteAllBytes(shard, File.ReadAllBytes(shard)[..^1]);
        await ImportAsync(Options());
        Assert.Equal(ImportFolder.Contents(folder["whole"]), ImportFolder.Contents(folder["out"]));
    }

    [Fact]
    public async Task AShardThatGotItsNameJustBeforeTheEndIsWrittenAgain()
    {
        await ImportAsync(Options("whole"));
        using (var stop = new StopAfter(15))
            await Assert.ThrowsAsync<OperationCanceledException>(() => ImportAsync(Options(), stop, stop.Token));
        var next = Directory.GetFiles(folder["out/train"]).Length;
        File.WriteAllText(folder[$"out/train/part-{next:00}.parquet"], "half a shard");
        File.WriteAllText(folder[$"out/train/.part-{next:00}.parquet.partial"], "rubbish");
        await ImportAsync(Options());
        Assert.Equal(ImportFolder.Contents(folder["whole"]), ImportFolder.Contents(folder["out"]));
    }

    [Fact]
    public async Task ACompleteImportIsReportedAgainWithoutWork()
    {
        var first = await ImportAsync(Options());
        File.Delete(folder["pictures/0.png"]);
        var again = await ImportAsync(Options());
        Assert.Equal((first.TrainRows, first.ValidationRows, first.CategoryCount, first.SubcategoryCount, first.SkippedCount), (again.TrainRows, again.ValidationRows, again.CategoryCount, again.SubcategoryCount, again.SkippedCount));
        Assert.Equal(first.Files, again.Files);
    }

    [Fact]
    public async Task AnImportOfOtherOptionsOrAnotherListIsRefusedWithWhatDiffers()
    {
        using (var stop = new StopAfter(15))
            await Assert.ThrowsAsync<OperationCanceledException>(() => ImportAsync(Options(), stop, stop.Token));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options() with { Seed = 7 }));
        Assert.Equal($"'{folder["out"]}' holds an unfinished import of other inputs: seed was '42' and is '7' now. Repeat the command it was begun with, choose another folder or pass --overwrite.", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);

        File.AppendAllText(folder["list.jsonl"], "\n");
        error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.Contains("list was '", error.Message);
        var report = await ImportAsync(Options() with { Overwrite = true });
        Assert.Equal(PictureCount - report.SkippedCount, report.TrainRows + report.ValidationRows);
    }

    [Fact]
    public async Task TwoImportsIntoOneFolderAreRefused()
    {
        KaleidoException? error = null;
        var progress = new Once(() => error = Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options())).GetAwaiter().GetResult());
        await ImportAsync(Options(), progress);
        Assert.StartsWith($"'{folder["out"]}' is being written by another import (", error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EverySkippedRowIsALineBesideTheData()
    {
        var report = await ImportAsync(Options());
        var lines = File.ReadAllLines(folder["out/skipped.jsonl"]);
        Assert.Equal(report.SkippedCount, lines.Length);
        Assert.Equal("""{"source":"list.jsonl","line":6,"reason":"malformed","detail":"not valid JSON"}""", lines[0]);
        Assert.Equal(new Dictionary<SkipReason, long> { [SkipReason.Malformed] = 1, [SkipReason.PictureDamaged] = 6 }, report.Skipped);
    }

    private sealed class Once(Action action) : IProgress<ImportProgress>
    {
        private bool done;

        public void Report(ImportProgress value)
        {
            if (done)
                return;
            done = true;
            action();
        }
    }
}
