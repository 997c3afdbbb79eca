using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.TestKit;

namespace KaleidoDist.Cli.Tests;

public sealed class DataBenchTests
{
    private static string Data => Path.Combine(Repository.Root, "configs", "data", "openclipart", "valid", "*.parquet");

    [Fact]
    public void APeerStandsBelowItsStageWithTheRatioOfTheMiddleTurn()
    {
        var rows = new DataRows(new DatasetManifest("", 0, [], "kaleido-raw"), [new RowGroup(0, [])], 1);
        DataFigure[] figures =
        [
            new(DataStages.Read, 1, 100, [1, 2, 4]), new(DataStages.Decode, 1, 100, [10, 10, 10]),
            new(DataPeers.DuckDbRead, 1, 200, [4, 12, 64], DataStages.Read),
        ];
        var lines = DataBenchTable.Of(rows, figures, new DataWait(20, 10, 0.05)).Split('\n');
        Assert.Equal(["read", "50", "(25", "to", "100)"], Words(lines[2]));
        Assert.Equal(["DuckDB.NET,", "picture", "and", "text", "17", "(3", "to", "50)"], Words(lines[3]));
        Assert.Equal(["ours", "is", "faster", "by", "3.0", "times"], Words(lines[4]));
        Assert.Equal(["decode", "10", "(10", "to", "10)"], Words(lines[5]));
        Assert.Equal("Of 20 training steps of kaleido-tiny, 10 s, 0.50 % waited for data; the goal is at most 2 %.", lines[6]);

        static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task EveryStageRunsOnEveryNumberOfThreads()
    {
        var (exitCode, output, _) = await RunAsync("--data", Data, "--rows", "100", "--turns", "2", "--threads", "1,2", "--peer", "none", "--train-steps", "0", "--json");
        Assert.Equal(0, exitCode);
        var figures = output.Trim().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(
            ["read 1", "decode 1", "decode and 55 cells 1", "corrupt 1", "batch 1", "whole pipeline 1", "read 2", "decode 2", "decode and 55 cells 2", "corrupt 2", "batch 2", "whole pipeline 2"],
            figures.Select(figure => $"{figure.GetProperty("stage").GetString()} {figure.GetProperty("threads").GetInt32()}"));
        Assert.All(figures, figure => Assert.Equal(2, figure.GetProperty("seconds").GetArrayLength()));
    }

    [Theory]
    [InlineData("--peer", "spark", "--peer does not know 'spark'")]
    [InlineData("--threads", "0", "--threads has '0'")]
    [InlineData("--turns", "0", "--turns is 0")]
    [InlineData("--preset", "kaleido-base", "expected a model that reads pixels")]
    public async Task WhatCannotBeMeasuredIsOneLine(string option, string value, string message)
    {
        string[] peer = option == "--peer" ? [] : ["--peer", "none"];
        var (exitCode, _, error) = await RunAsync(["--data", Data, "--rows", "1", "--train-steps", "0", .. peer, option, value]);
        Assert.Equal((int)ExitCode.Usage, exitCode);
        Assert.Contains(message, Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task APeerThatIsNotHereIsNamedAndLeftOut()
    {
        var (exitCode, output, error) = await RunAsync(
            "--data", Data, "--rows", "1", "--turns", "1", "--threads", "1", "--train-steps", "0", "--python", "/absent/python", "--duckdb", "/absent/duckdb");
        Assert.Equal(0, exitCode);
        Assert.Contains("torch is not here and is left out", error);
        Assert.Contains("DuckDB.NET is not at '/absent/duckdb' and is left out", error);
        Assert.DoesNotContain("ours is faster", output);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var context = new CommandContext(TestConsole.Create(output), error, new ManualTime(), _ => null);
        var exitCode = await new RootCommand { DataBenchVerb.Create(context) }.Parse(["data", .. arguments]).InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        return (exitCode, output.ToString(), error.ToString());
    }
}
