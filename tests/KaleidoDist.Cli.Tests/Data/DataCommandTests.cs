using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;

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
        Assert.Contains("6 rows of 6 products in 1 row groups and 1 files, schema kaleido-raw", inspect.Output);
        Assert.Contains("0 bad rows (0.00 %)", inspect.Output);
        Assert.Equal((6, Path.Combine(folder, "sheet.png")), (pictures.Single().Manifest.RowCount, pictures.Single().Path));

        var json = await RunAsync("inspect", Path.Combine(folder, "out", "train"), "--json");
        var report = JsonDocument.Parse(json.Output).RootElement;
        Assert.Equal(6, report.GetProperty("row_count").GetInt64());
        Assert.Equal("image", report.GetProperty("columns")[4].GetProperty("name").GetString());
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
    [InlineData("txet=caption", "--columns: unknown 'txet'; expected image, text, product_id, category or subcategory.")]
    public async Task WrongColumnNamesAreExplained(string columns, string message)
    {
        var (exitCode, _, error) = await RunAsync("import", "a", "b.csv", "c", "--columns", columns);
        Assert.NotEqual(0, exitCode);
        Assert.Contains(message, error);
    }
}
