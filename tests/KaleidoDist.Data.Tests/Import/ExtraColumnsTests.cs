using Parquet;

namespace KaleidoDist.Data.Tests;

public sealed class ExtraColumnsTests : IDisposable
{
    private static readonly IReadOnlyDictionary<string, string> Named = new Dictionary<string, string>
    {
        ["title"] = "name", ["price_usd"] = "price", ["fg_box"] = "box", ["alignments"] = "words",
    };

    private readonly TemporaryFolder folder = new();

    public ExtraColumnsTests()
    {
        Directory.CreateDirectory(folder["pictures"]);
        File.WriteAllBytes(folder["pictures/a.png"], Pictures.HalfRed(64, 32));
        File.WriteAllBytes(folder["pictures/turned.jpg"], Pictures.HalfBlueJpeg(64, 32, orientation: 6));
    }

    public void Dispose() => folder.Dispose();

    private async Task<ImportReport> ImportAsync(string list, IReadOnlyDictionary<string, string> extras, PictureOptions? pictures = null)
    {
        using var source = new FolderSource(folder["pictures"], folder[list], new ImportColumns { Extras = extras });
        return await DatasetImporter.ImportAsync(source, new ImportOptions { OutputFolder = folder["out"], ValidationShare = 0, Pictures = pictures ?? new() });
    }

    private async Task<RawRow> OnlyRowAsync() => Assert.Single(await ImportFolder.RowsAsync(folder["out/train"]));

    [Theory]
    [InlineData("list.jsonl", """{"image": "a.png", "text": "red", "name": "Shirt", "price": 12.5, "box": [0, 0, 64, 16], "words": [{"word_start": 0, "word_end": 1, "level": 2, "patch": 3, "score": 0.5}]}""")]
    [InlineData("list.csv", "image,text,name,price,box,words\na.png,red,Shirt,12.5,\"[0, 0, 64, 16]\",\"[{\"\"word_start\"\": 0, \"\"word_end\"\": 1, \"\"level\"\": 2, \"\"patch\"\": 3, \"\"score\"\": 0.5}]\"\n")]
    public async Task NamedColumnsOfAListBecomeColumnsOfTheDataSet(string list, string content)
    {
        File.WriteAllText(folder[list], content);
        await ImportAsync(list, Named);
        var row = await OnlyRowAsync();
        Assert.Equal([0, 0, 64, 16], row.ForegroundBox);
        Assert.Equal([new Alignment(0, 1, 2, 3, 0.5f)], row.Alignments);
        await using var parquet = await ParquetReader.CreateAsync(folder["out/train/part-00.parquet"]);
        Assert.Equal(["title", "price_usd", "fg_box", "alignments"], parquet.Schema.Fields.Select(f => f.Name).Where(ImportColumns.ExtraNames.Contains));
        using var group = parquet.OpenRowGroupReader(0);
        Memory<int> levels = new int[1];
        var (title, price) = (new ReadOnlyMemory<char>[1], new float[1]);
        await group.ReadRawAsync<ReadOnlyMemory<char>>(parquet.Schema.FindDataField("title"), title, levels, null);
        await group.ReadRawAsync<float>(parquet.Schema.FindDataField("price_usd"), price, levels, null);
        Assert.Equal(("Shirt", 12.5f), (title[0].ToString(), price[0]));
    }

    [Fact]
    public async Task ColumnsThatNobodyNamedAreLeftOutAndRowsMayLackThoseThatWereNamed()
    {
        File.WriteAllText(folder["list.jsonl"], """{"image": "a.png", "text": "red", "title": "Shirt", "fg_box": [0, 0, 8, 8]}""");
        await ImportAsync("list.jsonl", new Dictionary<string, string> { ["alignments"] = "words" });
        var row = await OnlyRowAsync();
        Assert.Null(row.ForegroundBox);
        Assert.Empty(row.Alignments);
        await using var parquet = await ParquetReader.CreateAsync(folder["out/train/part-00.parquet"]);
        Assert.Equal(["alignments"], parquet.Schema.Fields.Select(f => f.Name).Where(ImportColumns.ExtraNames.Contains));
    }

    [Theory]
    [InlineData("a.png", "[4, 8, 60, 16]", 16, true, "1 6 15 8")]
    [InlineData("a.png", "[4, 8, 60, 16]", 16, false, "1 2 15 4")]
    [InlineData("turned.jpg", "[0, 0, 32, 32]", 32, false, "0 0 16 16")]
    public async Task BoxesFollowThePictureThatIsWrittenAnew(string image, string box, int side, bool square, string placed)
    {
        File.WriteAllText(folder["list.jsonl"], $$"""{"image": "{{image}}", "text": "x", "box": {{box}}}""");
        await ImportAsync("list.jsonl", Named, new PictureOptions { MaxSide = side, Square = square });
        Assert.Equal(placed, string.Join(' ', (await OnlyRowAsync()).ForegroundBox!));
    }

    [Theory]
    [InlineData("\"price\": \"cheap\"", SkipReason.NotANumber, "'price' is no finite number")]
    [InlineData("\"box\": [4, 4, 4, 8]", SkipReason.OutOfRange, "'box' is no box [x1, y1, x2, y2] with 0 <= x1 < x2 and 0 <= y1 < y2")]
    [InlineData("\"box\": {\"x\": 1}", SkipReason.OutOfRange, "'box' is no box [x1, y1, x2, y2] with 0 <= x1 < x2 and 0 <= y1 < y2")]
    [InlineData("\"box\": [0, 0, 65, 8]", SkipReason.OutOfRange, "foreground box [0, 0, 65, 8] lies outside the picture: a.png")]
    [InlineData("\"words\": [{\"word_start\": 0}]", SkipReason.OutOfRange, "'words' is no list of alignments with 0 <= word start < word end, level 1..5, patch 0..level^2-1 and a finite score")]
    [InlineData("\"name\": \"a\\u0000b\"", SkipReason.NulByte, "a text has a byte 0")]
    public async Task RowsWithValuesThatCannotBeAreSkipped(string value, SkipReason reason, string detail)
    {
        File.WriteAllLines(folder["list.jsonl"], [$$"""{"image": "a.png", "text": "x", {{value}}}""", """{"image": "a.png", "text": "fine"}"""]);
        var report = await ImportAsync("list.jsonl", Named);
        Assert.Equal(new SkippedRow("list.jsonl", 1, reason, detail), Assert.Single(report.FirstSkipped));
        Assert.Equal("fine", (await OnlyRowAsync()).Text);
    }

    [Fact]
    public async Task AnImportTellsHowBoxesWillBeFoundAsInspectionDoes()
    {
        File.WriteAllLines(folder["list.jsonl"], Enumerable.Range(0, 40).Select(i => $$"""{"image": "{{(i % 4 == 0 ? "turned.jpg" : "a.png")}}", "text": "x {{i}}", "product_id": "{{i}}"{{(i % 5 == 0 ? ", \"box\": [0, 0, 16, 16]" : "")}}}"""));
        var options = new ImportOptions { OutputFolder = folder["out"], RowsPerGroup = 4, RowsPerFile = 8, ValidationShare = 0.2 };
        var stop = new StopAfter(20);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImportAsync(stop, stop.Token));
        var report = await ImportAsync();
        var train = await DatasetInspector.InspectAsync(DatasetIndexer.Index(folder["out/train"]));
        var valid = await DatasetInspector.InspectAsync(DatasetIndexer.Index(folder["out/valid"]));
        var inspected = train.ForegroundWays + valid.ForegroundWays;
        Assert.Equal((40, 8), (report.ForegroundWays!.Total, report.ForegroundWays.Given));
        Assert.Equal(inspected, report.ForegroundWays);
        Assert.Equal(inspected, (await ImportAsync()).ForegroundWays);

        async Task<ImportReport> ImportAsync(IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
        {
            using var source = new FolderSource(folder["pictures"], folder["list.jsonl"], new ImportColumns { Extras = Named });
            return await DatasetImporter.ImportAsync(source, options, progress, cancel);
        }
    }

    [Fact]
    public async Task ATableWithoutANamedColumnIsRefused()
    {
        File.WriteAllText(folder["list.csv"], "image,text\na.png,red\n");
        var error = await Assert.ThrowsAsync<Contracts.KaleidoException>(() => ImportAsync("list.csv", new Dictionary<string, string> { ["title"] = "name" }));
        Assert.Contains("has no column 'name'; found 'image', 'text'", error.Message);
    }
}
