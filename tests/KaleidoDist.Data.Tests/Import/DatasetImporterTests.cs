using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class DatasetImporterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public DatasetImporterTests() => Directory.CreateDirectory(folder["pictures/animals"]);

    public void Dispose() => folder.Dispose();

    private ImportOptions Options() => new() { OutputFolder = folder["out"], RowsPerGroup = 4, RowsPerFile = 16 };

    private async Task<ImportReport> ImportAsync(ImportOptions options, string list = "list.jsonl", ImportColumns? columns = null)
    {
        using var source = new FolderSource(folder["pictures"], folder[list], columns);
        return await DatasetImporter.ImportAsync(source, options);
    }

    private void WritePictures(int count)
    {
        for (var i = 0; i < count; i++)
            File.WriteAllBytes(folder[$"pictures/animals/{i}.png"], Pictures.HalfRed(20 + i, 10));
    }

    private void WriteJsonLines(IEnumerable<object> rows) => File.WriteAllLines(folder["list.jsonl"], rows.Select(r => JsonSerializer.Serialize(r)));

    [Fact]
    public async Task EveryRowIsInOneSplitAndProductsAreNotTornApart()
    {
        WritePictures(60);
        WriteJsonLines(Enumerable.Range(0, 60).Select(i => new { image = $"animals/{i}.png", text = $"picture {i}", product_id = $"p{i / 3}", category = i % 2 == 0 ? "cats" : "birds" }));
        var report = await ImportAsync(Options() with { ValidationShare = 0.3 });
        var train = await ImportFolder.RowsAsync(folder["out/train"]);
        var valid = await ImportFolder.RowsAsync(folder["out/valid"]);

        Assert.Equal((report.TrainRows, report.ValidationRows), (train.Count, valid.Count));
        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"picture {i}").Order(), train.Concat(valid).Select(r => r.Text).Order());
        Assert.Empty(train.Select(r => r.ProductId).Intersect(valid.Select(r => r.ProductId)));
        Assert.InRange(valid.Count, 6, 30);
        Assert.All(train.Concat(valid), r => Assert.Equal((r.Category, r.Category, r.Category == "birds" ? 0 : 1), (r.Category, r.Subcategory, r.CategoryId)));
        Assert.NotEqual(train.Select(r => r.Text), train.Select(r => r.Text).Order());
        Assert.Equal((2, 2), (report.CategoryCount, report.SubcategoryCount));
        Assert.Equal(report.Files.Where(f => f.Contains("train")), DatasetIndexer.Index(folder["out/train"]).Files.Select(f => f.Path));
        Assert.True(report.Files.Count(f => f.Contains("train")) > 1);
    }

    [Fact]
    public async Task TheSameSourceGivesTheSameBytes()
    {
        WritePictures(20);
        WriteJsonLines(Enumerable.Range(0, 20).Select(i => new { image = $"animals/{i}.png", text = $"picture {i}" }));
        var pictures = new PictureOptions { MaxSide = 16, Square = true };
        var first = await ImportAsync(Options() with { Pictures = pictures });
        var second = await ImportAsync(Options() with { Pictures = pictures, OutputFolder = folder["again"] });
        Assert.Equal(first.Files.Select(File.ReadAllBytes), second.Files.Select(File.ReadAllBytes));
    }

    [Fact]
    public async Task MissingColumnsTakeTheirDefaults()
    {
        WritePictures(1);
        File.WriteAllText(folder["list.csv"], "image,text\nanimals/0.png,\"a red, half\"\n");
        await ImportAsync(Options() with { ValidationShare = 0 }, "list.csv");
        var row = Assert.Single(await ImportFolder.RowsAsync(folder["out/train"]));
        Assert.Equal(("a red, half", "animals/0.png", "animals", "animals"), (row.Text, row.ProductId, row.Category, row.Subcategory));
        Assert.Equal(Pictures.HalfRed(20, 10), row.Image.ToArray());
        Assert.Empty(Directory.GetFiles(folder["out/valid"]));
    }

    [Fact]
    public async Task ColumnsMayHaveOtherNames()
    {
        WritePictures(1);
        File.WriteAllText(folder["list.tsv"], "caption\tsku\tfile\nred\t17\tanimals/0.png\n");
        await ImportAsync(Options() with { ValidationShare = 0 }, "list.tsv", new ImportColumns(Image: "file", Text: "caption", ProductId: "sku"));
        var row = Assert.Single(await ImportFolder.RowsAsync(folder["out/train"]));
        Assert.Equal(("red", "17"), (row.Text, row.ProductId));
    }

    [Fact]
    public async Task RowsThatCannotBeUsedAreSkippedWithTheirReasons()
    {
        WritePictures(2);
        var whole = Pictures.HalfRed(20, 10);
        File.WriteAllBytes(folder["pictures/cut.png"], whole[..(whole.Length * 2 / 3)]);
        File.WriteAllText(folder["pictures/text.png"], "no picture");
        File.WriteAllLines(folder["list.jsonl"],
        [
            """{"image": "animals/0.png", "text": "fine"}""",
            """{"image": "animals/1.png", "text": "  "}""",
            """{"text": "no image"}""",
            "{broken",
            "[1]",
            "",
            """{"image": "missing.png", "text": "x"}""",
            """{"image": "cut.png", "text": "x"}""",
            """{"image": "text.png", "text": "x"}""",
        ]);
        var report = await ImportAsync(Options() with { ValidationShare = 0 });
        Assert.Equal(1, report.TrainRows);
        Assert.Equal(
            [
                (2L, "no 'text'"), (3L, "no 'image'"), (4L, "not valid JSON"), (5L, "not a JSON object"),
                (7L, "no such picture: missing.png"), (8L, "picture does not decode: cut.png"), (9L, "picture does not decode: text.png"),
            ],
            report.FirstSkipped.Select(s => (s.Line, s.Detail)).Order());
    }

    [Theory]
    [InlineData("../secret.png")]
    [InlineData("animals/../../secret.png")]
    [InlineData("/etc/hostname")]
    [InlineData("link/secret.png")]
    public async Task PicturesOutsideTheFolderAreRefused(string image)
    {
        File.WriteAllBytes(folder["secret.png"], Pictures.HalfRed(8, 8));
        File.CreateSymbolicLink(folder["pictures/link"], folder.ToString());
        WriteJsonLines([new { image, text = "x" }]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options() with { ValidationShare = 0 }));
        Assert.Equal($"Line 1: picture '{image}' lies outside '{folder["pictures"]}'; expected a path below it. Nothing was imported from it.", error.Message);
        Assert.Empty(Directory.GetFiles(folder["out"], "*.parquet", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task ADataSetThatIsThereIsNotOverwrittenUnlessAsked()
    {
        WritePictures(4);
        WriteJsonLines(Enumerable.Range(0, 4).Select(i => new { image = $"animals/{i}.png", text = "x" }));
        var options = Options() with { ValidationShare = 0 };
        await ImportAsync(options);
        File.Copy(folder["out/train/part-00.parquet"], folder["out/train/part-99.parquet"]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(options));
        Assert.Equal($"'{folder["out/train"]}' holds Parquet files already; expected none. Choose another folder or pass --overwrite.", error.Message);
        await ImportAsync(options with { Overwrite = true });
        Assert.Equal([folder["out/train/part-00.parquet"]], Directory.GetFiles(folder["out/train"]));
    }

    [Theory]
    [InlineData("list.txt", "x", "'*' ends in '.txt'; expected .jsonl, .ndjson, .csv or .tsv. Rename it or convert it.")]
    [InlineData("list.csv", "", "'*' has no column 'image'; found ''. Name the right one with --columns.")]
    [InlineData("list.csv", "image,caption\n", "'*' has no column 'text'; found 'image', 'caption'. Name the right one with --columns.")]
    [InlineData("list.csv", "image,text\na,\"b\nc,d\n", "'*', line 2: not valid CSV; expected fields quoted as in RFC 4180.")]
    [InlineData("list.jsonl", "{}\n", "'*' has 0 usable rows (1 skipped, the first in line 1: no 'image'); expected at least 1.")]
    public async Task AListThatCannotBeUsedIsRefused(string name, string content, string message)
    {
        File.WriteAllText(folder[name], content);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ImportAsync(Options(), name));
        Assert.StartsWith(message.Replace("*", folder[name]), error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Fact]
    public async Task PicturesAreScaledDownOntoWhiteSquares()
    {
        File.WriteAllBytes(folder["pictures/a.png"], Pictures.HalfRed(64, 32));
        WriteJsonLines([new { image = "a.png", text = "x" }]);
        await ImportAsync(Options() with { ValidationShare = 0, Pictures = new PictureOptions { MaxSide = 16, Square = true } });
        using var picture = Pictures.Decode(Assert.Single(await ImportFolder.RowsAsync(folder["out/train"])).Image);
        Assert.Equal((16, 16), (picture.Width, picture.Height));
        AssertNear((255, 255, 255), picture.GetPixel(8, 1));
        AssertNear((255, 0, 0), picture.GetPixel(8, 5));
        AssertNear((255, 255, 255), picture.GetPixel(8, 14));
    }

    [Theory]
    [InlineData(1, 4, 8)]
    [InlineData(3, 27, 8)]
    [InlineData(6, 8, 4)]
    [InlineData(8, 8, 27)]
    public async Task PicturesStandUprightAfterward(byte orientation, int blueX, int blueY)
    {
        File.WriteAllBytes(folder["pictures/a.jpg"], Pictures.HalfBlueJpeg(32, 16, orientation));
        WriteJsonLines([new { image = "a.jpg", text = "x" }]);
        await ImportAsync(Options() with { ValidationShare = 0, Pictures = new PictureOptions { MaxSide = 32 } });
        using var picture = Pictures.Decode(Assert.Single(await ImportFolder.RowsAsync(folder["out/train"])).Image);
        Assert.Equal(orientation < 5 ? (32, 16) : (16, 32), (picture.Width, picture.Height));
        AssertNear((0, 0, 255), picture.GetPixel(blueX, blueY));
        AssertNear((255, 255, 255), picture.GetPixel(picture.Width - 1 - blueX, picture.Height - 1 - blueY));
    }

    private static void AssertNear((int Red, int Green, int Blue) expected, SkiaSharp.SKColor actual)
    {
        const int JpegError = 24;
        Assert.InRange(actual.Red, expected.Red - JpegError, expected.Red + JpegError);
        Assert.InRange(actual.Green, expected.Green - JpegError, expected.Green + JpegError);
        Assert.InRange(actual.Blue, expected.Blue - JpegError, expected.Blue + JpegError);
    }
}
