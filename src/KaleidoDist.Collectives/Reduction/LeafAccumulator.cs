using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The local half of the reduction: takes the gradients of a rank's leaves in order of leaves and adds siblings as they complete, so
/// that after the last leaf the rank holds exactly its maximal subtrees. Its buffers are allocated as they are first needed and reused
/// in every step. One thread at a time.
/// </summary>
public sealed class LeafAccumulator : IDisposable
{
    private readonly SubtreeStack stack;
    private readonly List<NativeBuffer> buffers = []; // buffers[i] holds the value of stack entry i.
    private readonly VirtualRankRange leaves;
    private readonly SubtreePartial[] partials;
    private readonly Func<long, NativeBuffer> allocate;

    /// <summary>
    /// Takes the leaves that <paramref name="collective"/>'s rank hosts, each <c>[<paramref name="elementCount"/>] float32</c>, into memory that
    /// the collective reduces without copying it.
    /// </summary>
    public LeafAccumulator(ICollective collective, long elementCount)
        : this(
            collective.Tree,
            VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount),
            elementCount,
            collective.Allocate)
    {
    }

    /// <summary>Takes the leaves <paramref name="leaves"/> of <paramref name="tree"/>, each <c>[<paramref name="elementCount"/>] float32</c>.</summary>
    public LeafAccumulator(CanonicalTree tree, VirtualRankRange leaves, long elementCount)
        : this(tree, leaves, elementCount, NativeBuffer.OfFloats)
    {
    }

    private LeafAccumulator(CanonicalTree tree, VirtualRankRange leaves, long elementCount, Func<long, NativeBuffer> allocate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementCount);
        partials = new SubtreePartial[tree.Decompose(leaves).Length];
        stack = new SubtreeStack(tree);
        this.leaves = leaves;
        this.allocate = allocate;
        ElementCount = elementCount;
        NextLeaf = leaves.First;
    }

    /// <summary>Values per leaf.</summary>
    public long ElementCount { get; }

    /// <summary>The leaf that <see cref="Add"/> takes next; one past the last when the step's leaves are all in.</summary>
    public int NextLeaf { get; private set; }

    /// <summary>True once every leaf was added: <see cref="Partials"/> may be read.</summary>
    public bool IsComplete => NextLeaf == leaves.End;

    /// <summary>
    /// The sums over the rank's maximal subtrees, in order of leaves, for <see cref="ICollective.AllReduce"/>. They stay in place and
    /// unchanged until <see cref="Reset"/> and the next <see cref="Add"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">Leaves are missing.</exception>
    public IReadOnlyList<SubtreePartial> Partials
        => IsComplete
            ? partials
            : throw new InvalidOperationException($"Leaf {NextLeaf} is missing: the rank's leaves are {leaves.First} to {leaves.End - 1}.");

    /// <summary>Adds the gradient of leaf <see cref="NextLeaf"/>; the values are copied or added at once and may change afterwards.</summary>
    /// <param name="leaf"><c>[ElementCount] float32</c>.</param>
    public void Add(FloatRange leaf)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(leaf.Count, ElementCount);
        if (IsComplete)
            throw new InvalidOperationException($"All leaves {leaves.First} to {leaves.End - 1} were added; call Reset before the next step.");

        var subtree = Subtree.Leaf(NextLeaf);
        if (stack.MergesWithTop(subtree))
        {
            // A right child goes straight into its sibling: no copy, no buffer of its own.
            var left = buffers[stack.Count - 1].Floats;
            stack.Push(subtree);
            stack.TryMerge();
            FloatRange.Add(left, leaf, left);
        }
        else
        {
            stack.Push(subtree);
            if (buffers.Count < stack.Count)
                buffers.Add(allocate(ElementCount));
            leaf.CopyTo(buffers[stack.Count - 1].Floats);
        }

        while (stack.TryMerge())
        {
            var left = buffers[stack.Count - 1].Floats;
            FloatRange.Add(left, buffers[stack.Count].Floats, left);
        }

        NextLeaf++;
        if (IsComplete)
            PublishPartials();
    }

    /// <summary>Starts the next step at the rank's first leaf.</summary>
    public void Reset()
    {
        stack.Clear();
        NextLeaf = leaves.First;
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose()
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
        buffers.Clear();
    }

    private void PublishPartials()
    {
        for (var i = 0; i < partials.Length; i++)
            partials[i] = new SubtreePartial(stack.Entries[i], buffers[i].Floats);
    }
}
