using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>
/// Simulated ranks in a mesh: each computes, then sends to all others; bytes between two travel at the pace of the slower of the two networks, and a
/// step is over when the slowest rank has computed and everything has arrived.
/// </summary>
public sealed class SlowLinkDetectorTests
{
    private const double Fast = 1e-8, Slow = 2e-7;

    private readonly SlowLinkDetector links = new();
    private readonly StragglerDetector ranks = new();

    [Fact]
    public void AMachineBehindASlowNetworkIsNamedOnceWhileNoRankIsSlowItself()
    {
        var world = World(4) with { Out = rank => rank == 2 ? Slow : Fast, In = rank => rank == 2 ? Slow : Fast };
        var link = Assert.Single(Run(world, SlowLinkDetector.Window + 100));
        Assert.Equal(("h2", 2.0, 0.1), (link.Host, link.Seconds, Math.Round(link.UsualSeconds, 9)));
        Assert.Equal("the network there takes 2.00 s a step for what takes 0.10 s between the others (reduce)", link.ToString());
        Assert.Equal(["h2"], links.Slow.Keys);
        Assert.Empty(ranks.Slow);
    }

    [Fact]
    public void ANetworkThatIsSlowInOneDirectionOnlyIsNamedToo()
    {
        Assert.Equal("h1", Assert.Single(Run(World(3) with { Out = rank => rank == 1 ? Slow : Fast }, 40)).Host);
        links.Clear();
        Assert.Equal("h1", Assert.Single(Run(World(3) with { In = rank => rank == 1 ? Slow : Fast }, 40)).Host);
    }

    [Fact]
    public void ARankThatComputesSlowlyIsNotTakenForASlowNetwork()
    {
        Assert.Empty(Run(World(4) with { Compute = rank => rank == 1 ? 9 : 1 }, 100));
        Assert.Equal("compute", Assert.Single(ranks.Slow).Value.Cause);
    }

    [Fact]
    public void AMachineThatSendsMoreIsNotSlow()
        => Assert.Empty(Run(World(4) with { Out = _ => Slow, In = _ => Slow, Bytes = rank => rank == 3 ? 4e7 : 1e7 }, 100));

    [Fact]
    public void TheWayBetweenTwoMachinesAccusesNeither()
        => Assert.Empty(Run(World(2) with { Out = rank => rank == 1 ? Slow : Fast }, 100));

    [Fact]
    public void ASlowNetworkThatHidesBehindTheComputingIsNotWorthAWord()
        => Assert.Empty(Run(World(4) with { Out = rank => rank == 2 ? Slow : Fast, Hidden = 3 }, 100));

    [Fact]
    public void NothingIsSaidBeforeAllRanksFilledTheWindow()
        => Assert.Empty(Run(World(4) with { Out = rank => rank == 2 ? Slow : Fast }, SlowLinkDetector.Window - 1));

    [Fact]
    public void TheRanksOfAMachineAreJudgedTogetherAndMemoryTheyShareIsNoNetwork()
    {
        var world = World(6) with { Host = rank => $"h{rank / 2}", Out = rank => rank / 2 == 1 ? Slow : Fast };
        Assert.Equal("h1", Assert.Single(Run(world, 100)).Host);
    }

    [Fact]
    public void AnEpisodeThatEndedIsFollowedByANewOne()
    {
        var slow = World(4) with { Out = rank => rank == 2 ? Slow : Fast };
        Assert.Single(Run(slow, 40));
        Assert.Empty(Run(World(4), 40));
        Assert.Empty(links.Slow);
        Assert.Single(Run(slow, 40));
    }

    /// <summary>Seeded noise of every strength: networks that all vary by up to a factor of four accuse nobody, and a slow one among them is found.</summary>
    [Fact]
    public void NoiseRaisesNoAlarmAndHidesNone()
    {
        for (var seed = 0UL; seed < 50; seed++)
        {
            var random = new KeyedRandom(seed, RandomPurpose.Import);
            var spread = random.NextDouble() * 3;
            var well = World(3 + random.Next(5)) with { Compute = _ => 1 + random.NextDouble(), Noise = () => 1 + (spread * random.NextDouble()), Bytes = _ => 1e8 };
            links.Clear();
            Assert.Empty(Run(well, 100));
            Assert.Equal("h1", Assert.Single(Run(well with { Out = rank => rank == 1 ? Slow : Fast }, 60)).Host);
        }
    }

    private static Mesh World(int size) => new(size);

    private List<SlowLink> Run(Mesh world, int steps)
    {
        var found = new List<SlowLink>();
        string[] hosts = [.. Enumerable.Range(0, world.Size).Select(world.Host)];
        for (var step = 0; step < steps; step++)
        {
            var compute = hosts.Index().Select(h => world.Compute(h.Index)).ToArray();
            var sent = hosts.Index().Select(from => hosts.Index().Select(to => world.Send(from.Index, to.Index)).ToArray()).ToArray();
            var total = compute.Max() + Math.Max(0, sent.Max(to => to.Max(s => s.Seconds)) - world.Hidden);
            for (var rank = 0; rank < world.Size; rank++)
            {
                ranks.Add(rank, new OwnTime(0, compute[rank]), world.Size);
                found.AddRange(links.Add(rank, new ExchangeStep(total, total - compute[rank], sent[rank]), hosts));
            }
        }

        return found;
    }

    private sealed record Mesh(int Size)
    {
        public Func<int, string> Host { get; init; } = rank => $"h{rank}";

        public Func<int, double> Compute { get; init; } = _ => 1;

        /// <summary>Bytes that a rank sends to each other one.</summary>
        public Func<int, double> Bytes { get; init; } = _ => 1e7;

        /// <summary>Seconds a byte, out of a rank's network and into it.</summary>
        public Func<int, double> Out { get; init; } = _ => Fast;

        public Func<int, double> In { get; init; } = _ => Fast;

        public Func<double> Noise { get; init; } = () => 1;

        /// <summary>Seconds of the exchange that pass while ranks compute.</summary>
        public double Hidden { get; init; }

        public Sending Send(int from, int to)
            => Host(from) == Host(to) ? default : new Sending(Bytes(from), Bytes(from) * Math.Max(Out(from), In(to)) * Noise());
    }
}
