using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench checkpoint</c>: our checkpoints beside torch.save and dd.</summary>
internal static class CheckpointBenchVerb
{
    private const string Help =
        """
        Time a checkpoint of one rank on a directory's disk: how long training is blocked while the state is copied (when no computation hides
        it), how long until the checkpoint is durable and committed, and a load that verifies every byte; beside torch.save with fsync,
        torch.load, and dd past the page cache, which is about what the disk can do. All of them take turns. Printed are medians, the fastest
        and slowest turn, and how many times as long each peer needs. The files are removed.

        A peer that is not installed is named and left out; scripts/setup-peers.sh installs it.

        Examples:
          kaleido bench checkpoint
          kaleido bench checkpoint --size 200MB --directory /mnt/shared --peer dd --turns 11
        """;

    private static readonly Option<string> Size = new("--size") { HelpName = "SIZE", Description = "Weights and moments together.", DefaultValueFactory = _ => "1.4GB" };
    private static readonly Option<string> Peer = new("--peer") { HelpName = "NAME,...", Description = "Peers: torch, dd; none for none.", DefaultValueFactory = _ => "torch,dd" };
    private static readonly Option<string> Folder = new("--directory") { HelpName = "DIR", Description = "Where to write.", DefaultValueFactory = _ => "." };
    private static readonly Option<int> Turns = new("--turns") { HelpName = "N", Description = "Turns of each way.", DefaultValueFactory = _ => 5 };
    private static readonly Option<string> Python = new("--python") { HelpName = "PATH", Description = "The Python that has PyTorch.", DefaultValueFactory = _ => new BenchSetting().Python };
    private static readonly Option<bool> Json = new("--json") { Description = "One JSON object a line: way, bytes, seconds (one a turn), median." };

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("checkpoint", Help) { Size, Peer, Folder, Turns, Python, Json };
        return command.Does(context, (parsed, cancellation) => RunAsync(parsed, context, cancellation));
    }

    private static async Task<ExitCode> RunAsync(ParseResult parsed, CommandContext context, CancellationToken cancellation)
    {
        string[] peers = [.. parsed.GetRequiredValue(Peer).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(name => name != "none")];
        if (peers.FirstOrDefault(name => name is not ("torch" or "dd")) is { } unknown)
            throw KaleidoException.Usage($"--peer does not know '{unknown}'; expected one of torch, dd.");
        if (parsed.GetRequiredValue(Turns) is < 1 and var turns)
            throw KaleidoException.Usage($"--turns is {turns}; expected at least 1.");
        var python = parsed.GetRequiredValue(Python);
        var torch = peers.Contains("torch") ? new GlooLibrary("torch", "torch", "python3-torch") : null;
        if (torch is not null && !torch.IsInstalled(python))
        {
            await context.Error.WriteLineAsync($"torch is not here and is left out; install it with: apt-get install {torch.Packages}");
            torch = null;
        }

        using var bench = new CheckpointBench(parsed.GetRequiredValue(Folder), ByteSize.Parse(parsed.GetRequiredValue(Size)));
        var figures = await bench.RunAsync(torch is null ? null : python, peers.Contains("dd"), parsed.GetRequiredValue(Turns), cancellation);
        await context.Output.WriteLineAsync(parsed.GetValue(Json) ? ToJson(figures) : CheckpointTable.Of(figures));
        return ExitCode.Done;
    }

    private static string ToJson(IReadOnlyList<CheckpointFigure> figures)
        => string.Join('\n', figures.Select(figure => JsonSerializer.Serialize(new { way = figure.Way, bytes = figure.Bytes, seconds = figure.Seconds, median = figure.Median })));
}
