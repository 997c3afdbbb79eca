using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench allreduce</c>: our all-reduce beside gloo's and Open MPI's.</summary>
internal static class AllReduceBenchVerb
{
    private const string Help =
        """
        Time an all-reduce of float32, in place: this program's over shared memory (shm), over TCP (tcp) and over TCP with bfloat16 on the
        wire (bf16), beside gloo (PyTorch) and Open MPI. All of them are measured in turns of one run. Printed are medians, the fastest and
        slowest turn, and how many times as long each peer needs.

        Peers that are not installed are named and left out; scripts/setup-peers.sh installs them.

        Examples:
          kaleido bench allreduce
          kaleido bench allreduce --sizes 25MiB --ranks 4 --peers gloo --turns 11
        """;

    private static readonly Option<string> Sizes = new("--sizes") { HelpName = "SIZE,...", Description = "Sizes to sum.", DefaultValueFactory = _ => "4,64KiB,1MiB,25MiB,440MB" };
    private static readonly Option<string> Ranks = new("--ranks") { HelpName = "N,...", Description = "Numbers of ranks.", DefaultValueFactory = _ => "2,4" };
    private static readonly Option<string> Transports = new("--transport") { HelpName = "NAME,...", Description = "Ours: shm, tcp, bf16.", DefaultValueFactory = _ => "shm,tcp,bf16" };
    private static readonly Option<string> Peers = new("--peers") { HelpName = "NAME,...", Description = "Peers: gloo, mpi, mpi-tcp; none for none.", DefaultValueFactory = _ => "gloo,mpi" };
    private static readonly Option<int> Turns = new("--turns") { HelpName = "N", Description = "Turns of each library.", DefaultValueFactory = _ => 5 };
    private static readonly Option<string> Python = new("--python") { HelpName = "PATH", Description = "The Python that has the peers.", DefaultValueFactory = _ => new BenchSetting().Python };
    private static readonly Option<string> Launcher = new("--launcher") { HelpName = "COMMAND", Description = "Put before each rank's command; {rank} is its number. For ranks in network namespaces or on other machines.", DefaultValueFactory = _ => "" };
    private static readonly Option<string> Addresses = new("--addresses") { HelpName = "ADDRESS,...", Description = "Address of each rank.", DefaultValueFactory = _ => "127.0.0.1" };
    private static readonly Option<string> ControlAddress = new("--control-address") { HelpName = "ADDRESS", Description = "Address at which ranks reach this process.", DefaultValueFactory = _ => "127.0.0.1" };
    private static readonly Option<bool> Json = new("--json") { Description = "One JSON object a line: library, ranks, bytes, seconds (one a turn), median." };

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("allreduce", Help) { Sizes, Ranks, Transports, Peers, Turns, Python, Launcher, Addresses, ControlAddress, Json };
        return command.Does(context, (parsed, cancellation) => RunAsync(parsed, context, cancellation));
    }

    private static async Task<ExitCode> RunAsync(ParseResult parsed, CommandContext context, CancellationToken cancellation)
    {
        var setting = new BenchSetting
        {
            ControlAddress = parsed.GetRequiredValue(ControlAddress),
            Addresses = Words(parsed.GetRequiredValue(Addresses)),
            Launcher = parsed.GetRequiredValue(Launcher),
            Python = parsed.GetRequiredValue(Python),
        };
        long[] sizes = [.. Words(parsed.GetRequiredValue(Sizes)).Select(ByteSize.Parse)];
        if (Array.Find(sizes, size => size % sizeof(float) != 0) is > 0 and var odd)
            throw KaleidoException.Usage($"{odd} bytes are no whole number of float32; expected a multiple of 4.");
        var ours = Words(parsed.GetRequiredValue(Transports)).Select(name => Find(BenchLibrary.Ours, name, "--transport"));
        var peers = Words(parsed.GetRequiredValue(Peers)).Where(name => name != "none").Select(name => Find(BenchLibrary.Peers, name, "--peers")).ToArray();
        foreach (var absent in peers.Where(peer => !peer.IsInstalled(setting.Python)).ToArray())
        {
            await context.Error.WriteLineAsync($"{absent.Name} is not here and is left out; install it with: apt-get install {absent.Packages}");
            peers = [.. peers.Where(peer => peer != absent)];
        }

        var isJson = parsed.GetValue(Json);
        var bench = new AllReduceBench(setting, [.. ours, .. peers], parsed.GetRequiredValue(Turns));
        foreach (var ranks in Words(parsed.GetRequiredValue(Ranks)).Select(ParseRanks))
        {
            await bench.RunAsync(
                ranks,
                sizes,
                figures => context.Output.WriteLineAsync(isJson ? ToJson(figures) : AllReduceTable.Of(figures, [.. peers.Select(peer => peer.Name)])),
                cancellation);
        }

        return ExitCode.Done;
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static T Find<T>(IReadOnlyList<T> known, string name, string option)
        where T : BenchLibrary
        => known.FirstOrDefault(library => library.Name == name)
            ?? throw KaleidoException.Usage($"{option} does not know '{name}'; expected one of {string.Join(", ", known.Select(library => library.Name))}.");

    private static int ParseRanks(string text)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ranks) && ranks is >= 2 and <= 64
            ? ranks
            : throw KaleidoException.Usage($"'{text}' is not a number of ranks; expected 2 to 64.");

    private static string ToJson(IReadOnlyList<AllReduceFigure> figures)
        => string.Join('\n', figures.Select(figure => JsonSerializer.Serialize(new
        {
            library = figure.Library, ranks = figure.Ranks, bytes = figure.Bytes, seconds = figure.Seconds, median = figure.Median,
        })));
}
