using KaleidoDist.Contracts;
using Parquet;

namespace KaleidoDist.Data.Tests;

public sealed class StaticImporterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private StaticImportOptions Options(string output = "out") => new() { OutputFolder = folder[output], RowsPerGroup = 2, RowsPerFile = 4, KeepOrder = true };

    private void Write(params string[] lines) => File.WriteAllText(folder["rows.tsv"], string.Concat(lines.Select(l => l + "\n")));

    private Task<ImportReport> ImportAsync(StaticImportOptions options, StopAfter? stop = null)
        => StaticImporter.ImportAsync(folder["rows.tsv"], options, stop, stop?.Token ?? default);

    [Theory]
    [InlineData(StaticVariant.Pretrain, ShardCompression.None)]
    [InlineData(StaticVariant.Retrieval, ShardCompression.Zstd)]
    [InlineData(StaticVariant.FineTune, ShardCompression.Snappy)]
    public async Task RowsComeBackByteForByte(StaticVariant variant, ShardCompression compression)
    {
        Write([.. Enumerable.Range(0, 7).Select(i => StaticRows.Line(variant, i))]);
        var report = await ImportAsync(Options() with { Compression = compression });
        Assert.Equal((7, 2), (report.TrainRows, report.Files.Count));
        var rows = await StaticExporter.ExportAsync(folder["out"], folder["back.tsv"]);
        Assert.Equal(7, rows);
        Assert.Equal(File.ReadAllBytes(folder["rows.tsv"]), File.ReadAllBytes(folder["back.tsv"]));
        await using var parquet = await ParquetReader.CreateAsync(report.Files[0]);
        Assert.Equal(("kaleido-static", "1", "static-tsv"), (parquet.CustomMetadata["kaleido.schema"], parquet.CustomMetadata["kaleido.version"], parquet.CustomMetadata["kaleido.source"]));
    }

    [Fact]
    public async Task RowsAreShuffledUnlessAskedOtherwiseAndNoneIsLost()
    {
        var lines = Enumerable.Range(0, 8).Select(i => StaticRows.Line(StaticVariant.Retrieval, i)).ToArray();
        File.WriteAllLines(folder["a-1.tsv"], lines[..5]);
        File.WriteAllLines(folder["a-2.tsv"], lines[5..]);
        await StaticImporter.ImportAsync(folder["a-*.tsv"], Options() with { KeepOrder = false });
        await StaticExporter.ExportAsync(folder["out"], folder["back.tsv"]);
        var back = File.ReadAllLines(folder["back.tsv"]);
        Assert.Equal(lines.Order(StringComparer.Ordinal), back.Order(StringComparer.Ordinal));
        Assert.NotEqual(lines, back);
    }

    [Fact]
    public async Task TheReleasedThirtyFiveCamouflagePositionsAreRefusedWithTheOptionToPass()
    {
        Write(StaticRows.Line(StaticVariant.Pretrain, 0, "img_loc_position_camouflage", string.Join(',', Enumerable.Repeat(1, 35))));
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.Equal($"Line 1 of '{folder["rows.tsv"]}' has 35 numbers of camouflage positions, seven patches of five numbers; expected 45, nine patches. The released rows are all like this: pass --camouflage-positions recompute to compute them from the row's rotation and jigsaw positions.", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Fact]
    public async Task CamouflagePositionsAreRecomputedFromTheBoxOfTheSameRow()
    {
        var columns = StaticRows.Columns(StaticVariant.Pretrain, 0);
        columns[StaticRows.Index(StaticVariant.Pretrain, "img_loc_position_rotation")] = "10,20,30,42,120";
        columns[StaticRows.Index(StaticVariant.Pretrain, "img_loc_position_jigsaw")] = "15,20,36,42,30,10,15,30,36,30,15,20,30,36,30,10,15,36,42,30";
        columns[StaticRows.Index(StaticVariant.Pretrain, "img_loc_position_camouflage")] = string.Join(',', Enumerable.Repeat(9, 35));
        Write(string.Join('\t', columns));
        await ImportAsync(Options() with { RecomputeCamouflage = true });
        await StaticExporter.ExportAsync(folder["out"], folder["back.tsv"]);
        Assert.Equal(
            "10,13,30,34,12,13,16,30,34,12,16,20,30,34,16,10,13,34,38,12,13,16,34,38,12,16,20,34,38,16,10,13,38,42,12,13,16,38,42,12,16,20,38,42,16",
            File.ReadAllText(folder["back.tsv"]).Split('\t')[StaticRows.Index(StaticVariant.Pretrain, "img_loc_position_camouflage")]);
    }

    [Theory]
    [InlineData("10,20,30,42,121", "10,20,30,42,120", "the box 10, 20, 30, 42 of area 121 is none")]
    [InlineData("20,10,30,42,120", "10,20,30,42,120", "the box 20, 10, 30, 42 of area 120 is none")]
    [InlineData("10,20,30,42,120", "10,21,30,42,120", "the jigsaw patches span 10, 21, 30, 42, the box is 10, 20, 30, 42")]
    public void PositionsThatContradictOneAnotherAreNotRecomputed(string rotation, string jigsaw, string problem)
    {
        var box = rotation.Split(',').Select(int.Parse).ToArray();
        var patches = Enumerable.Repeat(jigsaw.Split(',').Select(int.Parse), 4).SelectMany(p => p).ToArray();
        Assert.Null(CamouflageGrid.Recompute(box, patches, out var found));
        Assert.Equal(problem, found);
    }

    [Fact]
    public async Task RowsThatAreNoneAreSkippedWithTheirReasons()
    {
        const StaticVariant variant = StaticVariant.FineTune;
        Write(
            StaticRows.Line(variant, 0),
            StaticRows.Line(variant, 1) + "\textra",
            StaticRows.Line(variant, 2)[..2000],
            StaticRows.Line(variant, 3, "prod_desc", "a\0b"),
            StaticRows.Line(variant, 4, "input_mask", "1,1"),
            StaticRows.Line(variant, 5, "input_ids", string.Join(',', Enumerable.Repeat("30522", 64))),
            StaticRows.Line(variant, 6, "img_category_id", "-1"),
            StaticRows.Line(variant, 7, "img_subcategory_id", "one"),
            StaticRows.Line(variant, 8, "img_feature_convert_rotation", string.Join(',', Enumerable.Repeat("NaN", 2048))),
            StaticRows.Line(variant, 9, "img_feature_convert_rotation", string.Join(',', Enumerable.Repeat("1e39", 2048))),
            StaticRows.Line(variant, 10, "img_feature_convert_rotation", "0.5"),
            "",
            StaticRows.Line(variant, 11, "prod_desc", new string('x', StaticLines.MaxRowBytes)),
            StaticRows.Line(variant, 12));
        var report = await ImportAsync(Options());
        Assert.Equal(2, report.TrainRows);
        Assert.Equal(
            [
                (2, SkipReason.WrongCount, "23 columns; expected 22 (fine-tune)"),
                (3, SkipReason.WrongCount, "8 columns; expected 22 (fine-tune)"),
                (4, SkipReason.NulByte, "line has a byte 0"),
                (5, SkipReason.WrongCount, "input_mask has 2 numbers; expected 64"),
                (6, SkipReason.OutOfRange, "input_ids has 30522; expected 0 to 30521"),
                (7, SkipReason.OutOfRange, "img_category_id has -1; expected 0 to 65535"),
                (8, SkipReason.NotANumber, "img_subcategory_id has 'one'; expected a whole number"),
                (9, SkipReason.NotANumber, "img_feature_convert_rotation has 'NaN'; expected a finite number"),
                (10, SkipReason.NotANumber, "img_feature_convert_rotation has '1e39'; expected a finite number"),
                (11, SkipReason.WrongCount, "img_feature_convert_rotation has 1 numbers; expected 2048"),
            ],
            report.FirstSkipped.Select(s => ((int)s.Line, s.Reason, s.Detail)));
        Assert.Equal(11, report.SkippedCount);
        Assert.Equal(1, report.Skipped[SkipReason.TooLong]);
    }

    [Fact]
    public async Task RowsOfAnUnknownKindAreRefused()
    {
        Write("a\tb\tc");
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options()));
        Assert.Equal($"The first row of '{folder["rows.tsv"]}' has 3 columns; expected 25 (pretrain), 19 (retrieval), 22 (fine-tune), separated by tabs.", error.Message);
    }

    [Fact]
    public async Task AnImportThatIsStoppedGoesOn()
    {
        Write([.. Enumerable.Range(0, 12).Select(i => i == 4 ? "broken" : StaticRows.Line(StaticVariant.Retrieval, i))]);
        await ImportAsync(Options("whole") with { KeepOrder = false });
        foreach (var reports in new[] { 1, 5, 11 })
        {
            var options = Options($"out-{reports}") with { KeepOrder = false };
            using (var stop = new StopAfter(reports))
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImportAsync(options, stop));
            await ImportAsync(options);
            Assert.Equal(ImportFolder.Contents(folder["whole"]), ImportFolder.Contents(options.OutputFolder));
        }
    }

    [Fact]
    public async Task ALaterVersionIsRefusedByBothReaders()
    {
        Write(StaticRows.Line(StaticVariant.Retrieval, 0));
        var report = await ImportAsync(Options());
        var error = Assert.Throws<KaleidoException>(() => DatasetIndexer.Index(report.Files[0]));
        Assert.Equal($"'{report.Files[0]}' is of schema 'kaleido-static'; expected 'kaleido-raw'. Static rows are exported with 'kaleido data export-tsv', not read as pictures.", error.Message);

        SchemaVersion.Check("a", new Dictionary<string, string>(), "kaleido-raw", "1");
        SchemaVersion.Check("a", new Dictionary<string, string> { ["kaleido.schema"] = "kaleido-raw", ["kaleido.version"] = "1.3" }, "kaleido-raw", "1");
        error = Assert.Throws<KaleidoException>(() => SchemaVersion.Check("a", new Dictionary<string, string> { ["kaleido.version"] = "2" }, "kaleido-raw", "1"));
        Assert.Equal("'a' is of version '2' of schema 'kaleido-raw'; expected 1 or 1.x. Read it with a newer kaleido, or import the source again with this one.", error.Message);
    }

    [Fact]
    public async Task AnExportReplacesNothingUnasked()
    {
        Write(StaticRows.Line(StaticVariant.Retrieval, 0));
        await ImportAsync(Options());
        var error = await Assert.ThrowsAsync<KaleidoException>(() => StaticExporter.ExportAsync(folder["out"], folder["rows.tsv"]));
        Assert.Equal($"'{folder["rows.tsv"]}' is there already; expected a new file. Choose another name or pass --overwrite.", error.Message);
    }
}
