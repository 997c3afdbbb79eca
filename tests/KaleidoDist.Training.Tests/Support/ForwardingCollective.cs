using KaleidoDist.Collectives;

namespace KaleidoDist.Training.Tests;

/// <summary>Passes every call on to a group, which it owns: what a test changes it overrides.</summary>
internal abstract class ForwardingCollective(ICollective inner) : ICollective
{
    public int Rank => inner.Rank;

    public int WorldSize => inner.WorldSize;

    public long Generation => inner.Generation;

    public string Route => inner.Route;

    public CanonicalTree Tree => inner.Tree;

    public virtual void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result) => BeginAllReduce(partials, result).Wait();

    public virtual Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result) => inner.BeginAllReduce(partials, result);

    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment) => inner.ReduceScatter(partials, segment);

    public void AllGatherSegments(FloatRange values) => inner.AllGatherSegments(values);

    public virtual void Broadcast(FloatRange values, int root) => inner.Broadcast(values, root);

    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all) => inner.AllGather(mine, all);

    public NativeBuffer Allocate(long floatCount) => inner.Allocate(floatCount);

    public void Barrier() => inner.Barrier();

    public void Abort(Exception cause) => inner.Abort(cause);

    public void Dispose() => inner.Dispose();
}
