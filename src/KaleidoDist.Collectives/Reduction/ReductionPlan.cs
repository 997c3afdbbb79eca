using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// How the partials of all ranks become the root's value, in two steps along one tree: each host merges what its ranks hold together,
/// and the segment's owner merges what the hosts hold. Which ranks share a host decides who adds, never what is added to what.
/// </summary>
internal sealed class ReductionPlan
{
    /// <summary>The plan for ranks that host the leaves of <paramref name="tree"/> in equal contiguous ranges.</summary>
    public ReductionPlan(CanonicalTree tree, HostMap hosts)
    {
        Tree = tree;
        Hosts = hosts;
        Partials = [.. Enumerable.Range(0, hosts.WorldSize)
            .Select(rank => tree.Decompose(VirtualRankRange.Of(rank, hosts.WorldSize, tree.LeafCount)))];
        HostMerges = [.. hosts.Ranks.Select(ranks => new MergePlan(tree, [.. ranks.SelectMany(rank => Partials[rank])]))];
        Root = new MergePlan(tree, [.. HostMerges.SelectMany(merge => merge.Outputs).Select(output => output.Subtree)]);
        FirstHostInput = [.. Enumerable.Range(0, hosts.Count).Select(host => HostMerges.Take(host).Sum(merge => merge.Outputs.Length))];
        if (Root.Outputs.Length != 1 || Root.Outputs[0].Subtree != tree.Root)
            throw new InvalidOperationException($"The partials of all ranks do not make up the tree over {tree.LeafCount} leaves.");
    }

    /// <summary>The tree the plan follows.</summary>
    public CanonicalTree Tree { get; }

    /// <summary>Who shares memory with whom.</summary>
    public HostMap Hosts { get; }

    /// <summary>The subtrees each rank holds, by rank.</summary>
    public ImmutableArray<ImmutableArray<Subtree>> Partials { get; }

    /// <summary>By host, how the partials of its ranks (rank after rank) become the host's.</summary>
    public ImmutableArray<MergePlan> HostMerges { get; }

    /// <summary>How the hosts' partials (host after host) become the root's value.</summary>
    public MergePlan Root { get; }

    /// <summary>By host, the slot of its first partial among the inputs of <see cref="Root"/>.</summary>
    public ImmutableArray<int> FirstHostInput { get; }
}
