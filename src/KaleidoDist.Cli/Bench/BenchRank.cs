using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>One of our ranks under measurement: does what the lines of <see cref="BenchGroup"/> say.</summary>
internal sealed class BenchRank(int rank, string address, CollectiveOptions options) : IDisposable
{
    /// <summary>Calls before the clock starts: pages are mapped and code is compiled.</summary>
    private const int WarmUpCount = 2;

    /// <summary>When a rank gives up: in the middle of things.</summary>
    private static readonly TimeSpan AbortDelay = TimeSpan.FromMilliseconds(5);

    private readonly DataPlaneListener listener = DataPlaneListener.Bind(IPAddress.Parse(address));
    private Membership? membership;
    private ICollective? collective;

    private ICollective Group => collective ?? throw new InvalidOperationException("The group is not formed; expected 'form' first.");

    /// <summary>Connects to the benchmark and obeys until it closes the connection.</summary>
    internal void Serve(IPEndPoint control)
    {
        using var client = new TcpClient();
        client.Connect(control);
        using var reader = new StreamReader(client.GetStream());
        using var writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
        writer.WriteLine($"{rank} {listener.EndpointAt(address)}");
        while (reader.ReadLine()?.Split(' ') is { } words)
        {
            writer.WriteLine(words[0] switch
            {
                "form" => FormFirst(Convert.FromHexString(words[1]), words[2..]),
                "reform" => Reform(Number(words[1])),
                _ => Measure(Number(words[1]), (int)Number(words[2])),
            });
        }
    }

    /// <summary>Leaves the group.</summary>
    public void Dispose()
    {
        collective?.Dispose();
        listener.Dispose();
    }

    /// <summary>The group of a benchmark's ranks; addresses stand for machines.</summary>
    internal static Membership MembershipOf(byte[] key, string[] endpoints, long generation = 1)
        => new("bench", generation, [.. endpoints.Select((endpoint, rank) => new RankMember(rank, $"bench-{rank}", endpoint[..endpoint.LastIndexOf(':')], endpoint))], key);

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    private string FormFirst(byte[] key, string[] endpoints)
    {
        Form(MembershipOf(key, endpoints));
        return "ready";
    }

    private void Form(Membership next)
    {
        membership = next;
        // As many virtual ranks as ranks: each holds one leaf.
        collective = Collective.Form(next, rank, listener, options with { VirtualRankCount = next.WorldSize }, CancellationToken.None);
    }

    private SubtreePartial[] PartialsIn(NativeBuffer values)
        => [new SubtreePartial(Group.Tree.Decompose(VirtualRankRange.Of(rank, Group.WorldSize, Group.WorldSize))[0], values.Floats)];

    /// <summary>Sums in place, as the trainer does; answers the seconds of one sum.</summary>
    private string Measure(long byteCount, int iterations)
    {
        using var values = Group.Allocate(byteCount / sizeof(float));
        var partials = PartialsIn(values);
        values.Floats.AsSpan().Fill(rank + 1);
        Group.AllReduce(partials, values.Floats);
        var expected = Group.WorldSize * (Group.WorldSize + 1) / 2f;
        if (values.Floats.AsSpan().ContainsAnyExcept(expected))
            throw new KaleidoException($"The sum over ranks 1 to {Group.WorldSize} is not {expected} everywhere at rank {rank}. This is a defect: report it.");
        values.Floats.AsSpan().Clear();
        for (var i = 0; i < WarmUpCount; i++)
            Group.AllReduce(partials, values.Floats);
        Group.Barrier();
        var begin = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < iterations; i++)
            Group.AllReduce(partials, values.Floats);
        return (TimeProvider.System.GetElapsedTime(begin).TotalSeconds / iterations).ToString("R", CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Sums until the last rank gives up, then forms the next generation; answers three instants in seconds of the machine's clock: when the
    /// last rank gave up (0 from the others), when this one knew, and when the new group had met.
    /// </summary>
    private string Reform(long byteCount)
    {
        var (abortedAt, knownAt) = (0L, 0L);
        using (var values = Group.Allocate(byteCount / sizeof(float)))
        {
            var partials = PartialsIn(values);
            Group.AllReduce(partials, values.Floats); // Touches all pages.
            Group.Barrier();
            using var timer = rank == Group.WorldSize - 1
                ? new Timer(
                    _ =>
                    {
                        Volatile.Write(ref abortedAt, TimeProvider.System.GetTimestamp());
                        Group.Abort(new OperationCanceledException("The benchmark says so."));
                    },
                    null,
                    AbortDelay,
                    Timeout.InfiniteTimeSpan)
                : null;
            try
            {
                while (true)
                    Group.AllReduce(partials, values.Floats);
            }
            catch (CollectiveException)
            {
                knownAt = TimeProvider.System.GetTimestamp();
            }
        }

        Group.Dispose();
        Form(membership! with { Generation = membership.Generation + 1 });
        Group.Barrier();
        return string.Join(' ', new[] { Volatile.Read(ref abortedAt), knownAt, TimeProvider.System.GetTimestamp() }
            .Select(instant => ((double)instant / TimeProvider.System.TimestampFrequency).ToString("R", CultureInfo.InvariantCulture)));
    }
}
