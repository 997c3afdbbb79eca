using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The collectives of one generation over a full mesh of TCP connections, one poll-driven thread per rank. Every connection has proven
/// job, generation, rank and key when the group forms; so a stale byte can never enter a collective. After the group has formed, its calls
/// allocate nothing.
/// </summary>
public sealed class TcpCollective : ICollective
{
    private readonly ReductionPlan plan;
    private readonly WakeEvent wake;
    private readonly AbortSignal abort;
    private readonly PeerMesh mesh;
    private readonly CommunicationThread thread;

    private readonly AllReduceExchange allReduce;
    private readonly BroadcastExchange broadcast;
    private readonly AllGatherExchange allGather;
    private readonly BarrierExchange barrier = new();

    private TcpCollective(Membership membership, int rank, TcpCollectiveOptions options, IReadOnlyList<Socket?> sockets)
    {
        Rank = rank;
        WorldSize = membership.WorldSize;
        Generation = membership.Generation;
        plan = new ReductionPlan(new CanonicalTree(options.VirtualRankCount), WorldSize);
        allReduce = new AllReduceExchange(plan, rank, options.ChunkBytes);
        broadcast = new BroadcastExchange(rank, WorldSize);
        allGather = new AllGatherExchange(rank, WorldSize);
        wake = new WakeEvent();
        abort = new AbortSignal(wake);
        mesh = new PeerMesh(rank, Generation, sockets, options, wake, abort);
        thread = new CommunicationThread(mesh, wake, $"collectives g{Generation} r{Rank}");
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int WorldSize { get; }

    /// <inheritdoc/>
    public long Generation { get; }

    /// <inheritdoc/>
    public CanonicalTree Tree => plan.Tree;

    /// <summary>Forms the group of <paramref name="membership"/>; returns when this rank is connected with all others.</summary>
    /// <param name="membership">The generation, with the endpoints that the ranks' listeners published.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="listener">This rank's listener. The caller keeps it, for the next generation.</param>
    /// <param name="options">The same on all ranks where they say so.</param>
    /// <param name="cancellation">Gives up, for example because a newer generation is known.</param>
    /// <exception cref="FormationException">A peer did not come in time, or refused this rank for good.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static TcpCollective Form(
        Membership membership, int rank, DataPlaneListener listener, TcpCollectiveOptions options, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, membership.WorldSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(membership.SessionKey.Length, HelloProof.ByteCount, nameof(membership));
        options.Validate(membership.WorldSize);
        using var formation = new MeshFormation(membership, rank, listener, options);
        return new TcpCollective(membership, rank, options, formation.Run(cancellation));
    }

    /// <inheritdoc/>
    public void AllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        AllReduceArguments.Check(plan, Rank, partials, result);
        allReduce.Prepare(partials, result);
        thread.Run(allReduce);
    }

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, WorldSize);
        broadcast.Prepare(values, root);
        thread.Run(broadcast);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(all.Length, checked(mine.Length * WorldSize), nameof(all));
        allGather.Prepare(mine);
        thread.Run(allGather);
        allGather.CopyTo(all);
    }

    /// <inheritdoc/>
    public void Barrier() => thread.Run(barrier);

    /// <inheritdoc/>
    public void Abort(Exception cause) => abort.Raise(cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        thread.Dispose();
        mesh.Dispose();
        wake.Dispose();
        allGather.Dispose();
        allReduce.Dispose();
    }
}
