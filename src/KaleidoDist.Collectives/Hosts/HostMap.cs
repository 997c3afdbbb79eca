using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// Which ranks share memory. Hosts are numbered in order of their lowest ranks; the ranks of a host need not follow one another. Pure, and
/// the same on all ranks.
/// </summary>
internal sealed class HostMap
{
    private readonly ImmutableArray<int> hostOfRank;
    private readonly ImmutableArray<int> placeOfRank;

    private HostMap(IReadOnlyList<int> keys)
    {
        var hosts = keys.Distinct().ToArray();
        hostOfRank = [.. keys.Select(key => Array.IndexOf(hosts, key))];
        Ranks = [.. hosts.Select((_, host) => Enumerable.Range(0, keys.Count).Where(rank => hostOfRank[rank] == host).ToImmutableArray())];
        placeOfRank = [.. hostOfRank.Select((host, rank) => Ranks[host].IndexOf(rank))];
    }

    /// <summary>By host, its ranks in ascending order.</summary>
    public ImmutableArray<ImmutableArray<int>> Ranks { get; }

    /// <summary>Number of ranks, W.</summary>
    public int WorldSize => hostOfRank.Length;

    /// <summary>Number of hosts.</summary>
    public int Count => Ranks.Length;

    /// <summary>True when no two ranks share memory.</summary>
    public bool IsApart => Count == WorldSize;

    /// <summary>Every rank by itself.</summary>
    public static HostMap Apart(int worldSize) => new([.. Enumerable.Range(0, worldSize)]);

    /// <summary>Ranks with the same key share a host.</summary>
    public static HostMap Of(IReadOnlyList<int> keyOfRank) => new(keyOfRank);

    /// <summary>The hosts a membership names.</summary>
    public static HostMap Of(Membership membership)
    {
        var names = membership.Members.Select(member => member.Host).Distinct().ToList();
        return new HostMap([.. membership.Members.Select(member => names.IndexOf(member.Host))]);
    }

    /// <summary>The same map, except that the ranks of hosts where <paramref name="canShare"/> is false are apart.</summary>
    public HostMap Split(Func<int, bool> canShare)
        => new([.. hostOfRank.Select((host, rank) => canShare(host) ? host : Count + rank)]);

    /// <summary>The host of a rank.</summary>
    public int Of(int rank) => hostOfRank[rank];

    /// <summary>The place of a rank among those of its host, 0-based.</summary>
    public int PlaceOf(int rank) => placeOfRank[rank];

    /// <summary>
    /// The rank of <paramref name="host"/> that deals with <paramref name="owner"/> of another host: sends it the host's partials of its segment
    /// and takes the sums. Ranks of equal places deal with one another, so the load is spread.
    /// </summary>
    public int AgentOf(int host, int owner) => Ranks[host][placeOfRank[owner] % Ranks[host].Length];
}
