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
    private readonly AllReduceExchange scatter; // Of its own: all-reduces may be under way while it is prepared.
    private readonly AllGatherSegmentsExchange allGatherSegments;
    private readonly BroadcastExchange broadcast;
    private readonly AllGatherExchange allGather;
    private readonly BarrierExchange barrier = new();

    // Calls that wait at once need one place in the queue; all-reduces may be many.
    private readonly QueuedCall call = new();
    private readonly QueuedAllReducePool reductions;

    private TcpCollective(Membership membership, int rank, CollectiveOptions options, IReadOnlyList<Socket?> sockets)
    {
        Rank = rank;
        WorldSize = membership.WorldSize;
        Generation = membership.Generation;
        plan = new ReductionPlan(new CanonicalTree(options.VirtualRankCount), WorldSize);
        allReduce = new AllReduceExchange(plan, rank, options.ChunkBytes);
        scatter = new AllReduceExchange(plan, rank, options.ChunkBytes);
        allGatherSegments = new AllGatherSegmentsExchange(rank, WorldSize);
        broadcast = new BroadcastExchange(rank, WorldSize);
        allGather = new AllGatherExchange(rank, WorldSize);
        wake = new WakeEvent();
        abort = new AbortSignal(wake);
        mesh = new PeerMesh(rank, Generation, sockets, options, wake, abort);
        thread = new CommunicationThread(mesh, wake, $"collectives g{Generation} r{Rank}");
        reductions = new QueuedAllReducePool(thread, allReduce, plan.Partials[rank].Length);
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
        Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, membership.WorldSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(membership.SessionKey.Length, HelloProof.ByteCount, nameof(membership));
        options.Validate(membership.WorldSize);
        using var formation = new MeshFormation(membership, rank, listener, options);
        return new TcpCollective(membership, rank, options, formation.Run(cancellation));
    }

    /// <inheritdoc/>
    public Reduction BeginAllReduce(IReadOnlyList<SubtreePartial> partials, FloatRange result)
    {
        AllReduceArguments.Check(plan, Rank, partials, result);
        var queued = reductions.Rent();
        var reduction = queued.Begin(partials, result);
        thread.Begin(queued);
        return reduction;
    }

    /// <inheritdoc/>
    public void ReduceScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment)
    {
        AllReduceArguments.CheckScatter(plan, Rank, partials, segment);
        scatter.PrepareScatter(partials, segment);
        Run(scatter);
    }

    /// <inheritdoc/>
    public void AllGatherSegments(FloatRange values)
    {
        allGatherSegments.Prepare(values);
        Run(allGatherSegments);
    }

    /// <inheritdoc/>
    public void Broadcast(FloatRange values, int root)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(root);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(root, WorldSize);
        broadcast.Prepare(values, root);
        Run(broadcast);
    }

    /// <inheritdoc/>
    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(all.Length, checked(mine.Length * WorldSize), nameof(all));
        allGather.Prepare(mine);
        Run(allGather);
        allGather.CopyTo(all);
    }

    /// <inheritdoc/>
    public NativeBuffer Allocate(long floatCount) => NativeBuffer.OfFloats(floatCount);

    /// <inheritdoc/>
    public void Barrier() => Run(barrier);

    /// <inheritdoc/>
    public void Abort(Exception cause) => abort.Raise(cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        thread.Dispose();
        mesh.Dispose();
        wake.Dispose();
        allGather.Dispose();
        scatter.Dispose();
        allReduce.Dispose();
    }

    private void Run(Exchange exchange)
    {
        call.Exchange = exchange;
        thread.Begin(call);
        thread.Wait(call);
    }
}
