namespace KaleidoDist.Collectives;

/// <summary>
/// The collective operations of one generation. All ranks make the same calls in the same order, each from its one rank thread; a call
/// returns when this rank's part is done. Any failure is a <see cref="CollectiveException"/> and final for the group.
/// </summary>
public interface ICollective : IDisposable
{
    /// <summary>This rank, 0-based.</summary>
    int Rank { get; }

    /// <summary>Number of ranks, W.</summary>
    int WorldSize { get; }

    /// <summary>The generation of the membership the group was formed for.</summary>
    long Generation { get; }

    /// <summary>The tree <see cref="AllReduce"/> follows: its leaves are the job's virtual ranks.</summary>
    CanonicalTree Tree { get; }

    /// <summary>
    /// Sums over all leaves along <see cref="Tree"/>. The result's bits depend on the leaves alone, not on world size, chunk size,
    /// bucket size or transport.
    /// </summary>
    /// <param name="partials">This rank's maximal subtrees in order of leaves (<see cref="LeafAccumulator.Partials"/>), each <c>[N] float32</c>.</param>
    /// <param name="result"><c>[N] float32</c>; may be the very range of a partial, but not overlap one in part. Partials are otherwise left as they are.</param>
    /// <exception cref="ArgumentException">The partials are not those of this rank, or their sizes differ from the result's.</exception>
    void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result);

    /// <summary>Copies the values of rank <paramref name="root"/> to all ranks.</summary>
    /// <param name="values"><c>[N] float32</c>, read on the root and written on the others.</param>
    /// <param name="root">The rank that has them.</param>
    void Broadcast(FloatRange values, int root);

    /// <summary>Gives every rank the bytes of all ranks.</summary>
    /// <param name="mine">This rank's bytes; as many on every rank.</param>
    /// <param name="all">Receives the bytes of rank 0, 1, ... one after another: W times as long.</param>
    void AllGather(ReadOnlySpan<byte> mine, Span<byte> all);

    /// <summary>Returns when every rank has called it.</summary>
    void Barrier();

    /// <summary>
    /// Gives the group up: connections are reset, a call in progress on the rank thread throws <see cref="CollectiveAbortedException"/>,
    /// and the peers' calls end with <see cref="PeerLostException"/>. May be called from any thread; the first cause counts.
    /// </summary>
    void Abort(Exception cause);
}
