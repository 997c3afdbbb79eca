using System.CommandLine;
using System.Net;
using KaleidoDist.Collectives;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench rank</c>: a rank of <c>kaleido bench allreduce</c>. Not for people.</summary>
internal static class BenchRankVerb
{
    /// <summary>Name of the verb.</summary>
    internal const string Name = "rank";

    private static readonly Argument<string> Control = new("CONTROL");
    private static readonly Argument<int> Rank = new("RANK");
    private static readonly Argument<string> Address = new("ADDRESS");
    private static readonly Argument<CollectiveTransport> Transport = new("TRANSPORT");
    private static readonly Argument<WireType> Wire = new("WIRE");

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var command = new Command(Name, "A rank of 'bench allreduce', which starts it.") { Control, Rank, Address, Transport, Wire };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            var options = new CollectiveOptions { VirtualRankCount = 1, Transport = parsed.GetRequiredValue(Transport), WireType = parsed.GetRequiredValue(Wire) };
            using var rank = new BenchRank(parsed.GetRequiredValue(Rank), parsed.GetRequiredValue(Address), options);
            rank.Serve(IPEndPoint.Parse(parsed.GetRequiredValue(Control)));
            return 0;
        });
        return command;
    }
}
