using KaleidoDist.Collectives;

namespace KaleidoDist.Training.Tests;

/// <summary>A group whose reduced gradients are not numbers in some steps. Owns the group it passes calls on to.</summary>
internal sealed class PoisonedCollective(ICollective inner, Func<int, bool> isPoisoned) : ICollective
{
    private int step;

    public int Rank => inner.Rank;

    public int WorldSize => inner.WorldSize;

    public long Generation => inner.Generation;

    public string Route => inner.Route;

    public CanonicalTree Tree => inner.Tree;

    public void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        inner.AllReduce(partials, result);
        if (result.Count > TaskSums.Length && isPoisoned(++step))
            result.AsSpan()[0] = float.NaN;
    }

    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result) => inner.BeginAllReduce(partials, result);

    public NativeBuffer Allocate(long floatCount) => inner.Allocate(floatCount);

    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange result) => inner.ReduceScatter(partials, result);

    public void AllGatherSegments(FloatRange values) => inner.AllGatherSegments(values);

    public void Broadcast(FloatRange values, int root) => inner.Broadcast(values, root);

    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all) => inner.AllGather(mine, all);

    public void Barrier() => inner.Barrier();

    public void Abort(Exception cause) => inner.Abort(cause);

    public void Dispose() => inner.Dispose();
}
