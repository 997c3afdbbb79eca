using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

public sealed class StragglerDetectorTests
{
    private readonly StragglerDetector detector = new();

    [Fact]
    public void ASlowRankIsNamedOnceWithItsFactorAndCause()
    {
        var named = Steps(StragglerDetector.Window + 100, member => new OwnTime(0.1, member == 3 ? 0.9 : 0.3)).ToArray();
        var straggler = Assert.Single(named);
        Assert.Equal((3, "compute"), (straggler.Member, straggler.Cause));
        Assert.Equal(2.5, straggler.Factor, 6);
        Assert.Equal("is 2.5x slower than the median of the ranks (compute)", straggler.ToString());
        Assert.Equal([3L], detector.Slow.Keys);
    }

    [Fact]
    public void ARankThatWaitsForItsSamplesIsSlowBecauseOfData()
        => Assert.Equal("data", Assert.Single(Steps(40, member => new OwnTime(member == 1 ? 0.9 : 0.1, 0.3))).Cause);

    [Fact]
    public void NothingIsSaidBeforeAllRanksFilledTheWindow()
        => Assert.Empty(Steps(StragglerDetector.Window - 1, member => new OwnTime(0, member == 1 ? 9 : 1)));

    [Fact]
    public void OfTwoRanksTheFasterOneIsTheMeasure()
        => Assert.Equal((2, 3.0), Assert.Single(Steps(40, member => new OwnTime(0, member == 2 ? 3 : 1), ranks: 2)) is var s ? (s.Member, s.Factor) : default);

    [Fact]
    public void AnEpisodeThatEndedIsFollowedByANewOne()
    {
        Assert.Single(Steps(40, member => new OwnTime(0, member == 2 ? 2 : 1)));
        Assert.Empty(Steps(40, _ => new OwnTime(0, 1)));
        Assert.Empty(detector.Slow);
        Assert.Single(Steps(40, member => new OwnTime(0, member == 2 ? 2 : 1)));
    }

    [Fact]
    public void AFewSlowStepsAreNoStraggler()
    {
        var step = 0;
        Assert.Empty(Steps(300, member => new OwnTime(0, member == 1 && step++ % 3 == 0 ? 9 : 1)));
    }

    /// <summary>Seeded noise of every strength up to steps that vary by a factor of four: no rank is slow, and none is named.</summary>
    [Fact]
    public void NoiseRaisesNoAlarm()
    {
        for (var seed = 0UL; seed < 100; seed++)
        {
            var random = new KeyedRandom(seed, RandomPurpose.Import);
            var spread = random.NextDouble() * 3;
            var ranks = 2 + random.Next(7);
            detector.Clear();
            Assert.Empty(Steps(500, _ => new OwnTime(0.1 * random.NextDouble(), 1 + (spread * random.NextDouble())), ranks));
        }
    }

    [Fact]
    public void AStragglerIsFoundUnderNoise()
    {
        for (var seed = 0UL; seed < 100; seed++)
        {
            var random = new KeyedRandom(seed, RandomPurpose.Import);
            detector.Clear();
            var slow = random.Next(4) + 1;
            var named = Steps(50, member => new OwnTime(0, (member == slow ? 2.2 : 1) * (1 + (0.4 * random.NextDouble()))), ranks: 4).ToArray();
            Assert.Equal(slow, Assert.Single(named).Member);
        }
    }

    private List<Straggler> Steps(int count, Func<long, OwnTime> own, int ranks = 4)
    {
        var named = new List<Straggler>();
        for (var step = 0; step < count; step++)
        {
            for (var member = 1L; member <= ranks; member++)
            {
                if (detector.Add(member, own(member), ranks) is { } straggler)
                    named.Add(straggler);
            }
        }

        return named;
    }
}
