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
    private readonly IFloatMemory memory;
    private readonly List<(IDisposable Owner, FloatRange Values)> buffers = []; // buffers[i] holds the value of stack entry i.
    private readonly VirtualRankRange leaves;
    private readonly SubtreePartial[] partials;

    // Of the leaf that was begun: where on the stack it goes, how many pairs it completes, how many of its values are in.
    private bool isLeafOpen;
    private int leafDepth;
    private int mergeCount;
    private long addedCount;

    /// <summary>
    /// Takes the leaves that <paramref name="collective"/>'s rank hosts, each <c>[<paramref name="elementCount"/>] float32</c>, into memory that
    /// the collective reduces without copying it.
    /// </summary>
    public LeafAccumulator(ICollective collective, long elementCount)
        : this(
            collective.Tree,
            VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount),
            elementCount,
            new HostMemory(collective.Allocate))
    {
    }

    /// <summary>The same for leaves that lie in the memory of a GPU, and are added there.</summary>
    public LeafAccumulator(ICollective collective, CudaMemory memory, long elementCount)
        : this(
            collective.Tree,
            VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount),
            elementCount,
            (IFloatMemory)memory)
    {
    }

    /// <summary>Takes the leaves <paramref name="leaves"/> of <paramref name="tree"/>, each <c>[<paramref name="elementCount"/>] float32</c>.</summary>
    public LeafAccumulator(CanonicalTree tree, VirtualRankRange leaves, long elementCount)
        : this(tree, leaves, elementCount, new HostMemory(NativeBuffer.OfFloats))
    {
    }

    private LeafAccumulator(CanonicalTree tree, VirtualRankRange leaves, long elementCount, IFloatMemory memory)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementCount);
        partials = new SubtreePartial[tree.Decompose(leaves).Length];
        stack = new SubtreeStack(tree);
        this.leaves = leaves;
        this.memory = memory;
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
        BeginLeaf();
        AddRange(leaf, 0, ElementCount);
        EndLeaf();
    }

    /// <summary>
    /// Begins to take leaf <see cref="NextLeaf"/> in parts, in any order, by <see cref="AddRange"/>: for a gradient whose parts become final one
    /// after another. Every value is added as <see cref="Add"/> would add it.
    /// </summary>
    public void BeginLeaf()
    {
        if (IsComplete)
            throw new InvalidOperationException($"All leaves {leaves.First} to {leaves.End - 1} were added; call Reset before the next step.");
        if (isLeafOpen)
            throw new InvalidOperationException($"Leaf {NextLeaf} was begun before; expected EndLeaf first.");
        isLeafOpen = true;
        addedCount = mergeCount = 0;
        leafDepth = stack.Count;
        stack.Push(Subtree.Leaf(NextLeaf));
        while (stack.TryMerge())
            mergeCount++;
        // A right child goes straight into its sibling: no copy, no buffer of its own.
        if (mergeCount == 0 && buffers.Count == leafDepth)
            buffers.Add((memory.Allocate(ElementCount, out var values), values));
    }

    /// <summary>Adds one part of the leaf that was begun. Each part comes once.</summary>
    /// <param name="leaf">The whole leaf, <c>[ElementCount] float32</c>; only the part is read.</param>
    /// <param name="offset">First value of the part.</param>
    /// <param name="count">Its length.</param>
    public void AddRange(FloatRange leaf, long offset, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(leaf.Count, ElementCount);
        if (!isLeafOpen)
            throw new InvalidOperationException("No leaf was begun; expected BeginLeaf first.");
        FloatRange Part(int depth) => buffers[depth].Values.Slice(offset, count);
        var part = leaf.Slice(offset, count);
        if (mergeCount == 0)
            memory.Copy(part, Part(leafDepth));
        else
            memory.Add(Part(leafDepth - 1), part, Part(leafDepth - 1));
        for (var depth = leafDepth - 2; depth >= leafDepth - mergeCount; depth--)
            memory.Add(Part(depth), Part(depth + 1), Part(depth));
        addedCount += count;
    }

    /// <summary>
    /// <see cref="Partials"/> for a part of the values, once the last leaf was begun and <see cref="AddRange"/> has taken that part of it: it can
    /// be reduced while the rest is still to come.
    /// </summary>
    /// <exception cref="InvalidOperationException">A leaf is missing.</exception>
    public IReadOnlyList<SubtreePartial> PartialsOf(long offset, long count)
    {
        var isLastLeafTaken = IsComplete || (isLeafOpen && NextLeaf == leaves.End - 1);
        if (!isLastLeafTaken)
            throw new InvalidOperationException($"Leaf {NextLeaf} is missing: the rank's leaves are {leaves.First} to {leaves.End - 1}.");
        return [.. stack.Entries.Select((subtree, i) => new SubtreePartial(subtree, buffers[i].Values.Slice(offset, count)))];
    }

    /// <summary>The leaf that was begun is whole.</summary>
    /// <exception cref="InvalidOperationException">A part of it did not come.</exception>
    public void EndLeaf()
    {
        if (!isLeafOpen || addedCount != ElementCount)
            throw new InvalidOperationException($"Of leaf {NextLeaf}, {(isLeafOpen ? addedCount : 0)} values came; expected {ElementCount}.");
        isLeafOpen = false;
        NextLeaf++;
        if (IsComplete)
            PublishPartials();
    }

    /// <summary>Starts the next step at the rank's first leaf.</summary>
    public void Reset()
    {
        stack.Clear();
        isLeafOpen = false;
        NextLeaf = leaves.First;
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose()
    {
        foreach (var (owner, _) in buffers)
            owner.Dispose();
        buffers.Clear();
    }

    private void PublishPartials()
    {
        for (var i = 0; i < partials.Length; i++)
            partials[i] = new SubtreePartial(stack.Entries[i], buffers[i].Values);
    }
}
