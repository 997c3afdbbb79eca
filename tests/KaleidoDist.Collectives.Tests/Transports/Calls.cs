using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>Calls that tests make of any group.</summary>
internal static class Calls
{
    /// <summary>One host per character: <c>"001"</c> has ranks 0 and 1 on one host and rank 2 on another.</summary>
    public static int[] HostsOf(string grouping) => [.. grouping.Select(host => host - '0')];

    /// <summary>The virtual ranks a rank hosts.</summary>
    public static VirtualRankRange LeavesOf(ICollective collective)
        => VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount);

    /// <summary>Sums <paramref name="count"/> zeros in place, all partials being the same memory.</summary>
    public static void ReduceOnce(ICollective collective, int count)
    {
        using var values = collective.Allocate(count);
        collective.AllReduce(
            [.. collective.Tree.Decompose(LeavesOf(collective)).Select(subtree => new SubtreePartial(subtree, values.Floats))], values.Floats);
    }
}
