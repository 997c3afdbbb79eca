using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench reform</c>: how long it takes until a new generation of a group works after the old one was given up.</summary>
internal static class ReformBenchVerb
{
    private const string Help =
        """
        Time the change of a generation: ranks sum, one of them gives up, all of them notice, form the next generation and meet in it.

        Example:
          kaleido bench reform --ranks 4 --turns 20
        """;

    private static readonly Option<int> Ranks = new("--ranks") { HelpName = "N", Description = "Number of ranks.", DefaultValueFactory = _ => 4 };
    private static readonly Option<string> Size = new("--size") { HelpName = "SIZE", Description = "Size being summed.", DefaultValueFactory = _ => "25MiB" };
    private static readonly Option<int> Turns = new("--turns") { HelpName = "N", Description = "Generations.", DefaultValueFactory = _ => 20 };

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("reform", Help) { Ranks, Size, Turns };
        return command.Does(context, async (parsed, cancellation) =>
        {
            var byteCount = ByteSize.Parse(parsed.GetRequiredValue(Size));
            foreach (var library in BenchLibrary.Ours.Where(library => library.Wire == Collectives.WireType.F32))
            {
                await using var group = await BenchGroup.StartAsync(library, new BenchSetting(), parsed.GetRequiredValue(Ranks), cancellation);
                var (noticed, formed) = (new List<double>(), new List<double>());
                for (var turn = 0; turn < parsed.GetRequiredValue(Turns); turn++)
                {
                    var change = await group.ReformAsync(byteCount, cancellation);
                    noticed.Add(change.Noticed);
                    formed.Add(change.Formed);
                }

                await context.Output.WriteLineAsync($"{library.Name,-6} all ranks know {Spread(noticed)}   the next generation has met {Spread(formed)}");
            }

            return ExitCode.Done;
        });
    }

    private static string Spread(List<double> seconds)
    {
        var figure = new AllReduceFigure("", 0, 0, seconds);
        return $"{AllReduceTable.Time(figure.Median)} ({AllReduceTable.Time(figure.Fastest)} to {AllReduceTable.Time(figure.Slowest)})";
    }
}
