using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench data</c>: rows a second of every stage of the data path, beside peers, and how long training waits for data.</summary>
internal static class DataBenchVerb
{
    private const string Help =
        """
        Time each stage of the data path alone and all of them together: read (Parquet to rows), decode (to pixels), decode and 55 cells, corrupt
        (decoded pictures to labelled samples: tokens, cells, all tasks), batch (to tensors), and the whole pipeline as a rank runs it; beside
        DuckDB.NET, which reads the picture and text columns, and a PyTorch DataLoader that decodes with PIL, alone and with the same 55
        box-averaged cells. All of them take turns. Then train kaleido-tiny for some steps and print the share of them that waited for data.

        A peer that is not installed is named and left out. scripts/setup-peers.sh installs PyTorch; DuckDB.NET is a program of its own:
        dotnet build -c Release tests/KaleidoDist.DuckDbPeer

        Examples:
          kaleido bench data
          kaleido bench data --rows 20000 --data 'data/train/*.parquet' --threads 1,2,4 --peer none --json
        """;

    private static readonly Option<int> Rows = new("--rows") { HelpName = "N", Description = "Rows of a turn, rounded up to row groups; a small data set is gone through several times.", DefaultValueFactory = _ => 2000 };
    private static readonly Option<string> Data = new("--data") { HelpName = "GLOB", Description = "The data set.", DefaultValueFactory = _ => "configs/data/openclipart/train/*.parquet" };
    private static readonly Option<string> Threads = new("--threads") { HelpName = "N,...", Description = "Threads of each stage.", DefaultValueFactory = _ => "1,2" };
    private static readonly Option<string> Peer = new("--peer") { HelpName = "NAME,...", Description = "Peers: duckdb, torch; none for none.", DefaultValueFactory = _ => "duckdb,torch" };
    private static readonly Option<int> Turns = new("--turns") { HelpName = "N", Description = "Turns.", DefaultValueFactory = _ => 5 };
    private static readonly Option<int> TrainSteps = new("--train-steps") { HelpName = "N", Description = "Training steps to measure the wait for data in; 0 for none.", DefaultValueFactory = _ => 40 };
    private static readonly Option<string> Preset = new("--preset") { HelpName = "NAME", Description = "The model that the samples are for; one with the pixel encoder.", DefaultValueFactory = _ => "kaleido-tiny" };
    private static readonly Option<string> Python = new("--python") { HelpName = "PATH", Description = "The Python that has PyTorch and PIL.", DefaultValueFactory = _ => new BenchSetting().Python };
    private static readonly Option<string> DuckDb = new("--duckdb") { HelpName = "PATH", Description = "The program that reads with DuckDB.NET.", DefaultValueFactory = _ => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../bin/KaleidoDist.DuckDbPeer/release_linux-x64/KaleidoDist.DuckDbPeer")) };
    private static readonly Option<bool> Json = new("--json") { Description = "One JSON object a line: stage, threads, rows, seconds (one a turn), rows_per_second; then the wait for data." };

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("data", Help) { Rows, Data, Threads, Peer, Turns, TrainSteps, Preset, Python, DuckDb, Json };
        return command.Does(context, (parsed, cancellation) => RunAsync(parsed, context, cancellation));
    }

    private static async Task<ExitCode> RunAsync(ParseResult parsed, CommandContext context, CancellationToken cancellation)
    {
        var data = Path.GetFullPath(parsed.GetRequiredValue(Data));
        var (turns, trainSteps) = (AtLeast(parsed, Turns, 1), AtLeast(parsed, TrainSteps, 0));
        var threads = Numbers(parsed.GetRequiredValue(Threads));
        var peers = await PeersAsync(parsed, context);
        var rows = await DataRows.ReadAsync(await DatasetIndexer.IndexAsync(data, cancellation), AtLeast(parsed, Rows, 1), cancellation);
        var figures = await new DataBench(rows, new DataStages(rows, ModelOf(parsed.GetRequiredValue(Preset))), peers, threads, turns).RunAsync(cancellation);
        var wait = trainSteps == 0 ? null : await DataWait.MeasureAsync(data, trainSteps, cancellation);
        await context.Output.WriteLineAsync(parsed.GetValue(Json) ? ToJson(figures, wait) : DataBenchTable.Of(rows, figures, wait));
        return ExitCode.Done;
    }

    private static int AtLeast(ParseResult parsed, Option<int> option, int least)
        => parsed.GetRequiredValue(option) is var value && value >= least ? value : throw KaleidoException.Usage($"{option.Name} is {value}; expected at least {least}.");

    private static int[] Numbers(string list)
        => [.. list.Split(',').Select(word => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 8
            ? number
            : throw KaleidoException.Usage($"--threads has '{word}'; expected numbers from 1 to 8 with commas between them."))];

    private static ModelConfig ModelOf(string preset) => ModelConfig.Preset(preset) is { PatchEncoder: PatchEncoderKind.Pixels } model
        ? model
        : throw KaleidoException.Usage($"--preset is '{preset}'; expected a model that reads pixels: kaleido-tiny or kaleido-small.");

    private static async Task<DataPeers> PeersAsync(ParseResult parsed, CommandContext context)
    {
        string[] names = [.. parsed.GetRequiredValue(Peer).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(name => name != "none")];
        if (names.FirstOrDefault(name => name is not ("duckdb" or "torch")) is { } unknown)
            throw KaleidoException.Usage($"--peer does not know '{unknown}'; expected duckdb, torch or none.");
        var python = names.Contains("torch") ? parsed.GetRequiredValue(Python) : null;
        var torch = new GlooLibrary("torch", "torch, PIL", "python3-torch python3-pil");
        if (python is not null && !torch.IsInstalled(python))
        {
            await context.Error.WriteLineAsync($"torch is not here and is left out; install it with: apt-get install {torch.Packages}");
            python = null;
        }

        var duckDb = names.Contains("duckdb") ? parsed.GetRequiredValue(DuckDb) : null;
        if (duckDb is not null && !File.Exists(duckDb))
        {
            await context.Error.WriteLineAsync($"DuckDB.NET is not at '{duckDb}' and is left out; build it with: dotnet build -c Release tests/KaleidoDist.DuckDbPeer");
            duckDb = null;
        }

        return new DataPeers(python, duckDb);
    }

    private static string ToJson(IReadOnlyList<DataFigure> figures, DataWait? wait)
    {
        var lines = figures.Select(figure => JsonSerializer.Serialize(new
        {
            stage = figure.Stage, threads = figure.Threads, rows = figure.Rows, seconds = figure.Seconds, rows_per_second = figure.Median, peer_of = figure.Peer,
        })).ToList();
        if (wait is not null)
            lines.Add(JsonSerializer.Serialize(new { train_steps = wait.Steps, step_seconds = wait.StepSeconds, data_wait_seconds = wait.WaitSeconds, data_wait_share = wait.Share, goal = DataWait.Goal }));
        return string.Join('\n', lines);
    }
}
