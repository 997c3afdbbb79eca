using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido bench rank</c>: a rank of <c>kaleido bench allreduce</c>. Not for people.</summary>
internal static class BenchRankVerb
{
    /// <summary>Name of the verb.</summary>
    internal const string Name = "rank";

    /// <summary>Calls before the clock starts: pages are mapped and code is compiled.</summary>
    private const int WarmUpCount = 2;

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
            Serve(
                parsed.GetRequiredValue(Control),
                parsed.GetRequiredValue(Rank),
                parsed.GetRequiredValue(Address),
                new CollectiveOptions { VirtualRankCount = 1, Transport = parsed.GetRequiredValue(Transport), WireType = parsed.GetRequiredValue(Wire) });
            return 0;
        });
        return command;
    }

    private static void Serve(string control, int rank, string address, CollectiveOptions options)
    {
        using var listener = DataPlaneListener.Bind(IPAddress.Parse(address));
        using var client = new TcpClient();
        client.Connect(IPEndPoint.Parse(control));
        using var reader = new StreamReader(client.GetStream());
        using var writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
        writer.WriteLine($"{rank} {listener.EndpointAt(address)}");
        var words = reader.ReadLine()!.Split(' ');
        var membership = MembershipOf(Convert.FromHexString(words[1]), words[2..]);
        using var collective = Collective.Form(membership, rank, listener, options with { VirtualRankCount = membership.WorldSize }, CancellationToken.None);
        writer.WriteLine("ready");
        while (reader.ReadLine() is { } line)
        {
            words = line.Split(' ');
            var seconds = Measure(collective, long.Parse(words[1], CultureInfo.InvariantCulture), int.Parse(words[2], CultureInfo.InvariantCulture));
            writer.WriteLine(seconds.ToString("R", CultureInfo.InvariantCulture));
        }
    }

    private static Membership MembershipOf(byte[] key, string[] endpoints)
        => new("bench", 1, [.. endpoints.Select((endpoint, rank) => new RankMember(rank, $"bench-{rank}", endpoint[..endpoint.LastIndexOf(':')], endpoint))], key);

    /// <summary>Sums in place, as the trainer does.</summary>
    private static double Measure(ICollective collective, long byteCount, int iterations)
    {
        using var values = collective.Allocate(byteCount / sizeof(float));
        // As many virtual ranks as ranks: each holds one leaf.
        SubtreePartial[] partials = [new SubtreePartial(collective.Tree.Decompose(VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.WorldSize))[0], values.Floats)];
        values.Floats.AsSpan().Fill(collective.Rank + 1);
        collective.AllReduce(partials, values.Floats);
        var expected = collective.WorldSize * (collective.WorldSize + 1) / 2f;
        if (values.Floats.AsSpan().ContainsAnyExcept(expected))
            throw new KaleidoException($"The sum over ranks 1 to {collective.WorldSize} is not {expected} everywhere at rank {collective.Rank}. This is a defect: report it.");
        values.Floats.AsSpan().Clear();
        for (var i = 0; i < WarmUpCount; i++)
            collective.AllReduce(partials, values.Floats);
        collective.Barrier();
        var begin = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < iterations; i++)
            collective.AllReduce(partials, values.Floats);
        return TimeProvider.System.GetElapsedTime(begin).TotalSeconds / iterations;
    }
}
