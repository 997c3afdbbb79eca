using System.Net.Sockets;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The collectives of one generation of two or more ranks: a full mesh of TCP connections, shared memory between ranks of a host, and one
/// communication thread. Every connection has proven job, generation, rank and key when the group forms; so a stale byte can never enter a
/// collective. After the group has formed, its calls allocate nothing.
/// </summary>
internal sealed class GroupCollective : ICollective
{
    private readonly ReductionPlan plan;
    private readonly WakeEvent wake;
    private readonly AbortSignal abort;
    private readonly HostArena? arena;
    private readonly PeerMesh mesh;
    private readonly ITransport transport;
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

    private GroupCollective(Parts parts, Membership membership, int rank, CollectiveOptions options)
    {
        Rank = rank;
        WorldSize = membership.WorldSize;
        Generation = membership.Generation;
        (wake, abort, arena, mesh) = (parts.Wake, parts.Abort, parts.Arena, parts.Mesh);
        var tree = new CanonicalTree(options.VirtualRankCount);
        plan = new ReductionPlan(tree, parts.Hosts);
        allReduce = new AllReduceExchange(plan, rank, options.ChunkBytes, options.WireType);
        scatter = new AllReduceExchange(new ReductionPlan(tree, HostMap.Apart(WorldSize)), rank, options.ChunkBytes, WireType.F32);
        allGatherSegments = new AllGatherSegmentsExchange(rank, WorldSize);
        broadcast = new BroadcastExchange(rank, WorldSize);
        allGather = new AllGatherExchange(rank, WorldSize);
        mesh.SetBystanders(peer => plan.Hosts.Of(peer) == plan.Hosts.Of(rank));
        // A rank that waits for one of its own host has not announced its call to other hosts yet: it must be the first to lose patience, and
        // name the culprit, before they lose theirs with it.
        if (!plan.Hosts.IsApart)
            mesh.ArrivalTimeout = options.ArrivalTimeout * HostMeeting.PatienceFactor;
        transport = arena is null ? mesh : new HostTransport(plan, rank, Generation, mesh, arena, options, abort);
        thread = new CommunicationThread(transport, wake, $"collectives g{Generation} r{Rank}");
        reductions = new QueuedAllReducePool(thread, allReduce, plan.Partials[rank].Length);
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int WorldSize { get; }

    /// <inheritdoc/>
    public long Generation { get; }

    /// <inheritdoc/>
    public string Route => plan.Hosts switch
    {
        { IsApart: true } => $"TCP between {WorldSize} ranks",
        { Count: 1 } => $"shared memory of {WorldSize} ranks",
        _ => $"shared memory in each of {plan.Hosts.Count} hosts, TCP between them",
    };

    /// <inheritdoc/>
    public CanonicalTree Tree => plan.Tree;

    /// <summary>Forms the group: connects with all peers, then shares memory with those of this host.</summary>
    public static GroupCollective Form(
        Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, membership.WorldSize);
        ArgumentOutOfRangeException.ThrowIfLessThan(membership.SessionKey.Length, HelloProof.ByteCount, nameof(membership));
        options.Validate(membership.WorldSize);
        using var formation = new MeshFormation(membership, rank, listener, options);
        var parts = new Parts(rank, membership.Generation, formation.Run(cancellation), options);
        try
        {
            parts.ShareMemory(membership, rank, options, cancellation);
            return new GroupCollective(parts, membership, rank, options);
        }
        catch (Exception error)
        {
            // The peers are told at once: they would wait for this rank.
            parts.Mesh.GiveUp(error);
            parts.Dispose();
            throw;
        }
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
    public NativeBuffer Allocate(long floatCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(floatCount);
        // When the arena has no room, ordinary memory is slower, not wrong.
        return arena?.TryAllocate(floatCount) ?? NativeBuffer.OfFloats(floatCount);
    }

    /// <inheritdoc/>
    public void Barrier() => Run(barrier);

    /// <inheritdoc/>
    public void ReadTraffic(Span<LineTraffic> byRank) => mesh.ReadTraffic(byRank);

    /// <inheritdoc/>
    public void Abort(Exception cause) => abort.Raise(cause);

    /// <inheritdoc/>
    public void Dispose()
    {
        thread.Dispose();
        transport.Dispose();
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

    /// <summary>What a group is made of, while it forms.</summary>
    private sealed class Parts : IDisposable
    {
        public Parts(int rank, long generation, IReadOnlyList<Socket?> sockets, CollectiveOptions options)
        {
            Abort = new AbortSignal(Wake);
            Mesh = new PeerMesh(rank, generation, sockets, options, Wake, Abort);
            Hosts = HostMap.Apart(sockets.Count);
        }

        public WakeEvent Wake { get; } = new();

        public AbortSignal Abort { get; }

        public PeerMesh Mesh { get; }

        public HostMap Hosts { get; private set; }

        public HostArena? Arena { get; private set; }

        public void ShareMemory(Membership membership, int rank, CollectiveOptions options, CancellationToken cancellation)
        {
            try
            {
                using var registration = cancellation.Register(() => Abort.Raise(new OperationCanceledException(cancellation)));
                (Hosts, Arena) = new ArenaFormation(membership, rank, new CanonicalTree(options.VirtualRankCount), options, Mesh).Run();
            }
            catch (CollectiveAbortedException aborted) when (aborted.InnerException is OperationCanceledException)
            {
                throw new OperationCanceledException(aborted.Message, aborted, cancellation);
            }
        }

        public void Dispose()
        {
            Arena?.Dispose();
            Mesh.Dispose();
            Wake.Dispose();
        }
    }
}
