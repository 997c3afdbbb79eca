using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Cli.Tests;

public sealed class DataCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-cli-data-").FullName;
    private readonly List<(DatasetManifest Manifest, string Path)> pictures = [];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var root = new RootCommand { DataCommand.Create((manifest, path) => pictures.Add((manifest, path))) };
        var exitCode = await root.Parse(["data", .. arguments]).InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        return (exitCode, output.ToString(), error.ToString());
    }

    [Fact]
    public async Task AnImportedFolderCanBeInspected()
    {
        var png = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==");
        Directory.CreateDirectory(Path.Combine(folder, "pictures"));
        for (var i = 0; i < 6; i++)
            File.WriteAllBytes(Path.Combine(folder, "pictures", $"{i}.png"), png);
        File.WriteAllText(Path.Combine(folder, "list.csv"), "image,caption\n" + string.Concat(Enumerable.Range(0, 7).Select(i => $"{i}.png,dot {i}\n")));

        var import = await RunAsync("import", Path.Combine(folder, "pictures"), Path.Combine(folder, "list.csv"), Path.Combine(folder, "out"), "--columns", "text=caption", "--validation", "0");
        Assert.Equal(0, import.ExitCode);
        Assert.Contains("6 training and 0 validation rows, 1 categories, 1 sub-categories", import.Output);
        Assert.Contains("1 rows skipped:\n  line 8: no such picture: 6.png", import.Output);

        var inspect = await RunAsync("inspect", Path.Combine(folder, "out", "train"), "--picture", Path.Combine(folder, "sheet.png"));
        Assert.Equal(0, inspect.ExitCode);
        Assert.Contains("Foreground boxes: 0 (0.0 %) given, 0 (0.0 %) by the border, 0 (0.0 %) by saliency, 6 (100.0 %) not found: the whole picture", import.Output);
        Assert.Contains("Foreground boxes: 0 (0.0 %) given, 0 (0.0 %) by the border, 0 (0.0 %) by saliency, 6 (100.0 %) not found: the whole picture", inspect.Output);
        Assert.Equal("", inspect.Error);
        Assert.Contains("6 rows of 6 products in 1 row groups and 1 files, schema kaleido-raw", inspect.Output);
        Assert.Contains("0 bad rows (0.00 %)", inspect.Output);
        Assert.Equal((6, Path.Combine(folder, "sheet.png")), (pictures.Single().Manifest.RowCount, pictures.Single().Path));

        var json = await RunAsync("inspect", Path.Combine(folder, "out", "train"), "--json");
        var report = JsonDocument.Parse(json.Output).RootElement;
        Assert.Equal(6, report.GetProperty("row_count").GetInt64());
        Assert.Equal("image", report.GetProperty("columns")[4].GetProperty("name").GetString());
    }

    [Fact]
    public async Task AReportIsJsonOnRequest()
    {
        Directory.CreateDirectory(Path.Combine(folder, "pictures"));
        File.WriteAllBytes(Path.Combine(folder, "pictures", "0.png"), Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="));
        File.WriteAllText(Path.Combine(folder, "list.csv"), "image,text\n0.png,dot\n1.png,none\n");
        var import = await RunAsync("import", Path.Combine(folder, "pictures"), Path.Combine(folder, "list.csv"), Path.Combine(folder, "out"), "--validation", "0", "--json");
        var report = JsonDocument.Parse(import.Output).RootElement;
        Assert.Equal(1, report.GetProperty("train_rows").GetInt64());
        Assert.Equal(1, report.GetProperty("skipped").GetProperty("picture-missing").GetInt64());
        Assert.Equal(1, report.GetProperty("foreground_ways").GetProperty("whole").GetInt64());
        Assert.Equal("no such picture: 1.png", report.GetProperty("first_skipped")[0].GetProperty("detail").GetString());
        Assert.Equal(Path.Combine(folder, "out", "skipped.jsonl"), report.GetProperty("skipped_file").GetString());
    }

    [Theory]
    [InlineData("import")]
    [InlineData("import-fashion-gen")]
    [InlineData("import-kaleido")]
    [InlineData("import-static")]
    [InlineData("export-tsv")]
    public async Task EveryVerbShowsHowItIsUsed(string verb)
    {
        var (exitCode, output, _) = await RunAsync(verb, "--help");
        Assert.Equal(0, exitCode);
        Assert.Contains($"  kaleido data {verb} ", output);
        Assert.Contains("--json", output);
    }

    [Fact]
    public async Task StaticRowsGoToParquetAndBack()
    {
        static string Numbers(int count) => string.Join(',', Enumerable.Repeat("0", count));
        static string Floats(int count) => string.Join(',', Enumerable.Repeat("0.50000", count));
        var tokens = string.Join('\t', Numbers(64), Numbers(64), Numbers(64));
        var features = string.Join('\t', new[] { 1, 4, 9, 16, 25 }.Select(cells => Floats(cells * 2048)));
        var positions = string.Join('\t', "0,9,0,9,81", "0,4,0,4,16,4,9,0,4,20,0,4,4,9,20,4,9,4,9,25", Numbers(35), Numbers(80), Numbers(125));
        File.WriteAllText(Path.Combine(folder, "rows.tsv"), $"p\t{tokens}\ta text\t1\tp\tp_1\t{features}\t{Numbers(55)}\t{positions}\n");

        var refused = await Assert.ThrowsAsync<KaleidoException>(() => RunAsync("import-static", Path.Combine(folder, "rows.tsv"), Path.Combine(folder, "out")));
        Assert.Contains("--camouflage-positions recompute", refused.Message);
        var import = await RunAsync("import-static", Path.Combine(folder, "rows.tsv"), Path.Combine(folder, "out"), "--camouflage-positions", "recompute", "--compression", "zstd");
        Assert.Equal((0, "1 rows"), (import.ExitCode, import.Output.Split('\n')[0]));
        var export = await RunAsync("export-tsv", Path.Combine(folder, "out"), Path.Combine(folder, "back.tsv"), "--json");
        Assert.Equal(1, JsonDocument.Parse(export.Output).RootElement.GetProperty("rows").GetInt64());
        Assert.Equal(
            File.ReadAllText(Path.Combine(folder, "rows.tsv")).Replace($"\t{Numbers(35)}\t", "\t0,3,0,3,9,3,6,0,3,9,6,9,0,3,9,0,3,3,6,9,3,6,3,6,9,6,9,3,6,9,0,3,6,9,9,3,6,6,9,9,6,9,6,9,9\t"),
            File.ReadAllText(Path.Combine(folder, "back.tsv")));
    }

    [Fact]
    public async Task StatsAreCountedDrawnAndPrintedAsJson()
    {
        var data = Path.Combine(Repository.Root, "configs", "data", "openclipart", "valid");
        var picture = Path.Combine(folder, "stats.png");
        var printed = await RunAsync("stats", data, "--picture", picture);
        Assert.Equal(0, printed.ExitCode);
        Assert.Contains("247 rows, 0 of them bad and left out below", printed.Output);
        Assert.Contains("Texts: 0 (0.0 %) are longer than 64 tokens and cut", printed.Output);
        using var drawn = SkiaSharp.SKBitmap.Decode(picture);
        Assert.Equal((1680, 800), (drawn.Width, drawn.Height));

        var json = JsonDocument.Parse((await RunAsync("stats", data, "--json")).Output).RootElement;
        Assert.Equal(247, json.GetProperty("row_count").GetInt64());
        Assert.Equal(247, json.GetProperty("box_shares").EnumerateArray().Sum(range => range.GetProperty("row_count").GetInt64()));
        Assert.InRange(json.GetProperty("foreground_ways").GetProperty("border").GetInt64(), 200, 247);

        var unwritable = await Assert.ThrowsAsync<KaleidoException>(() => RunAsync("stats", data, "--picture", Path.Combine(folder, "absent", "stats.png")));
        Assert.Contains("cannot be written", unwritable.Message);
        var unknown = await Assert.ThrowsAsync<KaleidoException>(() => RunAsync("stats", data, "--preset", "large"));
        Assert.Equal(ExitCode.Usage, unknown.ExitCode);
    }

    [Fact]
    public async Task AFileThatIsNotThereIsOneLineAndExitCodeTwo()
    {
        var error = await Assert.ThrowsAsync<KaleidoException>(() => RunAsync("inspect", Path.Combine(folder, "no.parquet")));
        Assert.Equal($"'{folder}/no.parquet': no such file or folder; expected Parquet files. Check the path.", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Theory]
    [InlineData("text", "--columns: 'text' is no column; expected KEY=NAME, as in text=caption.")]
    [InlineData("txet=caption", "--columns: unknown 'txet'; expected image, text, product_id, category, subcategory, title, brand, gender, season, composition, department, pose, price_usd, fg_box, alignments.")]
    public async Task WrongColumnNamesAreExplained(string columns, string message)
    {
        var (exitCode, _, error) = await RunAsync("import", "a", "b.csv", "c", "--columns", columns);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(message, error);
    }
}
