namespace KaleidoDist.Collectives;

/// <summary>
/// Reduction without the canonical tree's promise (<c>reduction: fast</c>) over any group: a rank adds all its own partials first and sends one
/// sum, so fewer bytes travel where a rank's leaves are no single subtree, and the bits depend on the number of ranks. The group below has
/// one leaf per rank.
/// </summary>
public sealed class FastCollective : ICollective
{
    private readonly ICollective inner;
    private readonly ReductionPlan plan;
    private readonly Subtree ownLeaf;
    private readonly HostMemory memory;
    private NativeBuffer? scatterSum; // As long as the longest reduce-scatter so far.

    /// <summary>Reduces <paramref name="virtualRankCount"/> leaves over a group of as many leaves as ranks, which it takes over.</summary>
    public FastCollective(ICollective inner, int virtualRankCount)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(inner.Tree.LeafCount, inner.WorldSize, nameof(inner));
        this.inner = inner;
        memory = new HostMemory(NativeBuffer.OfFloats);
        plan = new ReductionPlan(new CanonicalTree(virtualRankCount), HostMap.Apart(inner.WorldSize));
        ownLeaf = inner.Tree.Decompose(new Contracts.VirtualRankRange(inner.Rank, 1))[0];
    }

    /// <inheritdoc/>
    public int Rank => inner.Rank;

    /// <inheritdoc/>
    public int WorldSize => inner.WorldSize;

    /// <inheritdoc/>
    public long Generation => inner.Generation;

    /// <inheritdoc/>
    public string Route => $"{inner.Route}, fast";

    /// <inheritdoc/>
    public CanonicalTree Tree => plan.Tree;

    /// <inheritdoc/>
    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        AllReduceArguments.Check(plan, Rank, partials, result);
        return inner.BeginAllReduce([new SubtreePartial(ownLeaf, OwnPartials.Sum(memory, partials, result))], result);
    }

    /// <inheritdoc/>
    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment)
    {
        AllReduceArguments.CheckScatter(plan, Rank, partials, segment);
        var count = partials[0].Values.Count;
        if (scatterSum is null || scatterSum.Floats.Count < count)
        {
            scatterSum?.Dispose();
            scatterSum = NativeBuffer.OfFloats(count);
        }

        inner.ReduceScatter([new SubtreePartial(ownLeaf, OwnPartials.Sum(memory, partials, scatterSum.Floats.Slice(0, count)))], segment);
    }

    /// <inheritdoc/>
    public void AllGatherSegments(FloatRange values) => inner.AllGatherSegments(values);

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root) => inner.Broadcast(values, root);

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all) => inner.AllGather(mine, all);

    /// <inheritdoc/>
    public NativeBuffer Allocate(long floatCount) => inner.Allocate(floatCount);

    /// <inheritdoc/>
    public void Barrier() => inner.Barrier();

    /// <inheritdoc/>
    public void ReadTraffic(Span<LineTraffic> byRank) => inner.ReadTraffic(byRank);

    /// <inheritdoc/>
    public void Abort(Exception cause) => inner.Abort(cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        inner.Dispose();
        scatterSum?.Dispose();
    }
}
