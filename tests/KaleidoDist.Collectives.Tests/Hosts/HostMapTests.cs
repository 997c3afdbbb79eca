namespace KaleidoDist.Collectives.Tests;

public sealed class HostMapTests
{
    [Fact]
    public void HostsAreNumberedByTheirLowestRanks()
    {
        var hosts = HostMap.Of([7, 3, 7, 5]);
        Assert.Equal<IEnumerable<int>>([0, 1, 0, 2], Enumerable.Range(0, 4).Select(hosts.Of));
        Assert.Equal<IEnumerable<int>>([0, 2], hosts.Ranks[0]);
        Assert.Equal(1, hosts.PlaceOf(2));
        Assert.False(hosts.IsApart);
    }

    [Fact]
    public void RanksOfEqualPlacesDealWithOneAnother()
    {
        var hosts = HostMap.Of([0, 0, 1, 1]);
        Assert.Equal(2, hosts.AgentOf(1, owner: 0));
        Assert.Equal(3, hosts.AgentOf(1, owner: 1));
        Assert.Equal(0, hosts.AgentOf(0, owner: 2));
    }

    [Fact]
    public void ASmallHostsRanksServeSeveral()
    {
        var hosts = HostMap.Of([0, 0, 0, 1]);
        Assert.Equal([3, 3, 3], Enumerable.Range(0, 3).Select(owner => hosts.AgentOf(1, owner)));
        Assert.Equal(0, hosts.AgentOf(0, owner: 3));
    }

    [Fact]
    public void AHostThatCannotShareFallsApart()
    {
        var hosts = HostMap.Of([0, 0, 1, 1]).Split(host => host == 1);
        Assert.Equal(3, hosts.Count);
        Assert.Equal<IEnumerable<int>>([2, 3], hosts.Ranks[hosts.Of(2)]);
        Assert.NotEqual(hosts.Of(0), hosts.Of(1));
    }
}
