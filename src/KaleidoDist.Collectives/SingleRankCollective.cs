using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The group of one rank: nothing to send and nothing to add. Its one partial is the root of the tree, because the
/// <see cref="LeafAccumulator"/> has added all leaves along it.
/// </summary>
public sealed class SingleRankCollective : ICollective
{
    private readonly ReductionPlan plan;
        private Exception? abortCause;

    /// <summary>The group of a membership with a single member.</summary>
    public SingleRankCollective(Membership membership, int virtualRankCount)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(membership.WorldSize, 1, nameof(membership));
        Generation = membership.Generation;
        plan = new ReductionPlan(new CanonicalTree(virtualRankCount), HostMap.Apart(1));
    }

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int WorldSize => 1;

    /// <inheritdoc/>
    public long Generation { get; }

    /// <inheritdoc/>
    public string Route => "this rank alone";

    /// <inheritdoc/>
    public CanonicalTree Tree => plan.Tree;

    /// <inheritdoc/>
    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        ThrowIfAborted();
        AllReduceArguments.Check(plan, Rank, partials, result);
        // The one partial is the root: nothing to wait for, and nothing to do when the result is to lie where it is.
        partials[0].Values.CopyTo(result);
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
    public void Dispose()
    {
    }

    private void ThrowIfAborted()
    {
        if (Volatile.Read(ref abortCause) is { } cause)
            throw new CollectiveAbortedException(Generation, cause);
    }
}
