using System.Collections.Immutable;
using System.Numerics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The one binary tree along which leaves 0..V-1 are summed, whatever the number of ranks: a node's value is its left child's value
/// plus its right child's. V need not be a power of two: a node whose right child would lie beyond the last leaf <i>is</i> its left
/// child, without an addition, and is always named by its highest such ancestor.
/// </summary>
public sealed class CanonicalTree
{
    /// <summary>Bound of V; leaf numbers and their siblings then fit an int with room to spare.</summary>
    public const int MaximumLeafCount = 1 << 20;

    /// <summary>The tree over <paramref name="leafCount"/> leaves.</summary>
    public CanonicalTree(int leafCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(leafCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(leafCount, MaximumLeafCount);
        LeafCount = leafCount;
        var rootLevel = 32 - BitOperations.LeadingZeroCount((uint)leafCount - 1);
        Root = new Subtree(rootLevel, 0);
    }

    /// <summary>Number of leaves, V.</summary>
    public int LeafCount { get; }

    /// <summary>The node above all leaves; its value is the result.</summary>
    public Subtree Root { get; }

    /// <summary>The leaves below a node.</summary>
    public VirtualRankRange LeavesOf(Subtree subtree)
        => new(subtree.FirstLeaf, Math.Min(subtree.FirstLeaf + (1 << subtree.Level), LeafCount) - subtree.FirstLeaf);

    /// <summary>
    /// The largest subtrees that make up a contiguous range of leaves, in order of leaves: at most 2 * log2(V) of them, and one
    /// alone when the ranges are aligned powers of two (W and V both powers of two, for instance).
    /// </summary>
    public ImmutableArray<Subtree> Decompose(VirtualRankRange leaves)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(leaves.First, nameof(leaves));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(leaves.End, LeafCount, nameof(leaves));
        var stack = new SubtreeStack(this);
        for (var leaf = leaves.First; leaf < leaves.End; leaf++)
        {
            stack.Push(Subtree.Leaf(leaf));
            while (stack.TryMerge())
            {
            }
        }

        return [.. stack.Entries];
    }

    /// <summary>The name of a node: itself, or the highest ancestor that adds nothing to it because it has no right child.</summary>
    internal Subtree Canonical(Subtree subtree)
    {
        while (subtree != Root && subtree.IsLeftChild && subtree.Sibling.FirstLeaf >= LeafCount)
            subtree = subtree.Parent;
        return subtree;
    }
}
