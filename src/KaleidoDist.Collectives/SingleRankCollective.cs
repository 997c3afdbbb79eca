using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The group of one rank: nothing to send, the same arithmetic. Its one partial is the root of the tree, because the
/// <see cref="LeafAccumulator"/> has added all leaves along it.
/// </summary>
public sealed class SingleRankCollective : ICollective
{
    private const int ChunkCount = 1 << 20;

    private readonly ReductionPlan plan;
    private readonly PartialCombiner combiner;
    private Exception? abortCause;

    /// <summary>The group of a membership with a single member.</summary>
    public SingleRankCollective(Membership membership, int virtualRankCount)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(membership.WorldSize, 1, nameof(membership));
        Generation = membership.Generation;
        plan = new ReductionPlan(new CanonicalTree(virtualRankCount), worldSize: 1);
        combiner = new PartialCombiner(plan, ChunkCount);
    }

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int WorldSize => 1;

    /// <inheritdoc/>
    public long Generation { get; }

    /// <inheritdoc/>
    public CanonicalTree Tree => plan.Tree;

    /// <inheritdoc/>
    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        ThrowIfAborted();
        AllReduceArguments.Check(plan, Rank, partials, result);
        // Nothing to wait for: a copy, or not even that.
        for (long offset = 0; offset < result.Count; offset += ChunkCount)
        {
            var chunk = result.Slice(offset, Math.Min(ChunkCount, result.Count - offset));
            for (var i = 0; i < partials.Count; i++)
                combiner.SetInput(i, partials[i].Values.Slice(offset, chunk.Count).Address);
            combiner.Combine(chunk);
        }

        return Reduction.Completed;
    }

    /// <inheritdoc/>
    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment) => BeginAllReduce(partials, segment).Wait();

    /// <inheritdoc/>
    public void AllGatherSegments(FloatRange values) => ThrowIfAborted();

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root)
    {
        ThrowIfAborted();
        ArgumentOutOfRangeException.ThrowIfNotEqual(root, 0);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all)
    {
        ThrowIfAborted();
        ArgumentOutOfRangeException.ThrowIfNotEqual(all.Length, mine.Length, nameof(all));
        mine.CopyTo(all);
    }

    /// <inheritdoc/>
    public NativeBuffer Allocate(long floatCount) => NativeBuffer.OfFloats(floatCount);

    /// <inheritdoc/>
    public void Barrier() => ThrowIfAborted();

    /// <inheritdoc/>
    public void Abort(Exception cause) => Interlocked.CompareExchange(ref abortCause, cause, null);

    /// <inheritdoc/>
    public void Dispose() => combiner.Dispose();

    private void ThrowIfAborted()
    {
        if (Volatile.Read(ref abortCause) is { } cause)
            throw new CollectiveAbortedException(Generation, cause);
    }
}
