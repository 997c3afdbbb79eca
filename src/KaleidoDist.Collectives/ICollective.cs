namespace KaleidoDist.Collectives;

/// <summary>
/// The collective operations of one generation. All ranks make the same calls in the same order, each from its one rank thread; a call
/// returns when this rank's part is done, and calls are carried out one after another in the order they were made. Any failure is a
/// <see cref="CollectiveException"/> and final for the group.
/// </summary>
public interface ICollective : IDisposable
{
    /// <summary>This rank, 0-based.</summary>
    int Rank { get; }

    /// <summary>Number of ranks, W.</summary>
    int WorldSize { get; }

    /// <summary>The generation of the membership the group was formed for.</summary>
    long Generation { get; }

    /// <summary>How values travel in this group, for logs: <c>shared memory of 4 ranks</c>.</summary>
    string Route { get; }

    /// <summary>The tree <see cref="AllReduce"/> follows: its leaves are the job's virtual ranks.</summary>
    CanonicalTree Tree { get; }

    /// <summary>
    /// Sums over all leaves along <see cref="Tree"/>. The result's bits depend on the leaves alone, not on world size, chunk size,
    /// bucket size or transport.
    /// </summary>
    /// <param name="partials">This rank's maximal subtrees in order of leaves (<see cref="LeafAccumulator.Partials"/>), each <c>[N] float32</c>.</param>
    /// <param name="result"><c>[N] float32</c>; may be the very range of a partial, but not overlap one in part. Partials are otherwise left as they are.</param>
    /// <exception cref="ArgumentException">The partials are not those of this rank, or their sizes differ from the result's.</exception>
    void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result) => BeginAllReduce(partials, result).Wait();

    /// <summary>
    /// Begins an <see cref="AllReduce"/> and returns at once: it is carried out behind the calls made before it, while the rank thread goes
    /// on computing. Any number of ranges (buckets) may be under way; how the values are cut into buckets is invisible in the bits.
    /// </summary>
    /// <param name="partials">As for <see cref="AllReduce"/>; read, and left alone by the caller, until <see cref="Reduction.Wait"/> has returned.</param>
    /// <param name="result">As for <see cref="AllReduce"/>; written until <see cref="Reduction.Wait"/> has returned.</param>
    /// <exception cref="ArgumentException">As for <see cref="AllReduce"/>.</exception>
    Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result);

    /// <summary>
    /// The first half of an all-reduce: sums over all leaves along <see cref="Tree"/>, and leaves each rank with its own segment
    /// (<see cref="Segments"/>) of the sum. <see cref="AllGatherSegments"/> is the second half; both together have the bits of <see cref="AllReduce"/>
    /// with <see cref="WireType.F32"/>, which both always use.
    /// </summary>
    /// <param name="partials">As for <see cref="AllReduce"/>, each <c>[N] float32</c>.</param>
    /// <param name="segment">Receives this rank's segment of the N values; may be that very part of a partial, but not overlap one otherwise.</param>
    /// <exception cref="ArgumentException">The partials are not those of this rank, or the segment is not as long as this rank's.</exception>
    void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment);

    /// <summary>Gives every rank the segments of all ranks.</summary>
    /// <param name="values"><c>[N] float32</c>; this rank's segment (<see cref="Segments"/>) is read, all others are written.</param>
    void AllGatherSegments(FloatRange values);

    /// <summary>Copies the values of rank <paramref name="root"/> to all ranks.</summary>
    /// <param name="values"><c>[N] float32</c>, read on the root and written on the others.</param>
    /// <param name="root">The rank that has them.</param>
    void Broadcast(FloatRange values, int root);

    /// <summary>Gives every rank the bytes of all ranks.</summary>
    /// <param name="mine">This rank's bytes; as many on every rank.</param>
    /// <param name="all">Receives the bytes of rank 0, 1, ... one after another: W times as long.</param>
    void AllGather(ReadOnlySpan<byte> mine, Span<byte> all);

    /// <summary>
    /// Memory that this group reduces without copying it first: <paramref name="floatCount"/> zeros, float32. The caller disposes it, before or
    /// after the group. Other memory is reduced as well, and to the same bits. When the group has failed, a peer of this host that was stopped
    /// in the middle may still write to results that were under way: whatever must survive a failure is not among them.
    /// </summary>
    NativeBuffer Allocate(long floatCount);

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();

    /// <summary>By rank, what this rank has sent to it over TCP since the group formed; nothing where it has no such connection.</summary>
    /// <param name="byRank">Receives W entries.</param>
    void ReadTraffic(Span<LineTraffic> byRank) => byRank.Clear();

    /// <summary>
    /// Gives the group up: connections are reset, a call in progress on the rank thread throws <see cref="CollectiveAbortedException"/>,
    /// and the peers' calls end with <see cref="PeerLostException"/>. May be called from any thread; the first cause counts.
    /// </summary>
    void Abort(Exception cause);
}
