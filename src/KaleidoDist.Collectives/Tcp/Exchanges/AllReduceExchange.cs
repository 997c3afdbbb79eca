namespace KaleidoDist.Collectives;

/// <summary>
/// Direct reduce-scatter and all-gather in one pass. Rank p owns segment p of the values. To each peer a rank sends
/// <list type="number">
/// <item>its partials of the peer's segment, chunk by chunk, all partials of a chunk together;</item>
/// <item>the finished sums of its own segment, as far as they are.</item>
/// </list>
/// The owner holds one chunk of every peer's partials; when the last of them is in, it adds them along the canonical tree straight into
/// the result, which is where the sums are sent from. Items of kind 1 wait for nobody, so every owner finishes its segment; then items
/// of kind 2 wait for nobody. A sum is written over a partial in place only after that partial has left for its owner.
/// </summary>
internal sealed class AllReduceExchange : Exchange, IDisposable
{
    private readonly ReductionPlan plan;
    private readonly int rank;
    private readonly PartialCombiner combiner;
    private readonly NativeBuffer chunks;
    private readonly FloatRange[] partials;
    private readonly Flow[] flows;

    private FloatRange result;
    private FloatRange ownSegment;
    private long ownOffset; // Where the own segment begins in the values.
    private long combinedCount; // Values of the own segment that are finished.
    private int missingPeers; // Peers whose partials of the current chunk are not all in.

    /// <summary>The exchange of <paramref name="rank"/>; its buffers hold chunks of <paramref name="chunkBytes"/>.</summary>
    public AllReduceExchange(ReductionPlan plan, int rank, int chunkBytes)
    {
        this.plan = plan;
        this.rank = rank;
        combiner = new PartialCombiner(plan, chunkBytes / sizeof(float));
        partials = new FloatRange[plan.Partials[rank].Length];
        flows = new Flow[plan.Partials.Length];
        chunks = new NativeBuffer((long)(plan.Inputs - partials.Length) * chunkBytes);
        var free = chunks.Address;
        for (var peer = 0; peer < flows.Length; peer++)
        {
            if (peer == rank)
                continue;
            flows[peer].PartialCount = plan.Partials[peer].Length;
            flows[peer].Chunk = free;
            free += (nint)((long)flows[peer].PartialCount * chunkBytes);
        }
    }

    private int ChunkCount => combiner.ChunkCount;

    private long CurrentChunkBytes => Math.Min(ChunkCount, ownSegment.Count - combinedCount) * sizeof(float);

    private bool HasCombinedAll => combinedCount == ownSegment.Count;

    /// <summary>Takes the arguments of the next call, which were checked.</summary>
    public void Prepare(IReadOnlyList<SubtreePartial> own, FloatRange destination)
    {
        for (var i = 0; i < partials.Length; i++)
            partials[i] = own[i].Values;
        result = destination;
        Header = new CollectiveHeader(0, CollectiveKind.AllReduce, ElementType.Float32, 0, destination.Count);
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        combinedCount = 0;
        for (var peer = 0; peer < flows.Length; peer++)
        {
            ref var flow = ref flows[peer];
            flow.Segment = Segments.Of(result, peer, flows.Length);
            flow.PartialBytesSent = flow.SumBytesSent = flow.ChunkBytesReceived = flow.SumBytesReceived = 0;
        }

        ownSegment = flows[rank].Segment;
        ownOffset = (ownSegment.Address - result.Address) / sizeof(float);
        missingPeers = flows.Length - 1;
        while (missingPeers == 0 && !HasCombinedAll)
            CombineChunk(); // A world of one.
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer)
    {
        ref var flow = ref flows[peer];
        return flow.PartialBytesSent < PartialBytesFor(flow)
            ? PartialBytes(flow.Segment, flow.PartialBytesSent)
            : ByteRange.Of(ownSegment, flow.SumBytesSent, combinedCount * sizeof(float));
    }

    /// <inheritdoc/>
    public override void Sent(int peer, long byteCount)
    {
        ref var flow = ref flows[peer];
        if (flow.PartialBytesSent < PartialBytesFor(flow))
            flow.PartialBytesSent += byteCount;
        else
            flow.SumBytesSent += byteCount;
    }

    /// <inheritdoc/>
    public override ByteRange Incoming(int peer)
    {
        ref var flow = ref flows[peer];
        return HasCombinedAll
            ? ByteRange.Of(flow.Segment, flow.SumBytesReceived, flow.Segment.ByteCount)
            : new ByteRange(flow.Chunk + (nint)flow.ChunkBytesReceived, flow.PartialCount * CurrentChunkBytes - flow.ChunkBytesReceived);
    }

    /// <inheritdoc/>
    public override void Received(int peer, long byteCount)
    {
        ref var flow = ref flows[peer];
        if (HasCombinedAll)
        {
            flow.SumBytesReceived += byteCount;
            return;
        }

        flow.ChunkBytesReceived += byteCount;
        if (flow.ChunkBytesReceived == flow.PartialCount * CurrentChunkBytes && --missingPeers == 0)
            CombineChunk();
    }

    /// <inheritdoc/>
    public override bool IsDoneWith(int peer)
    {
        ref var flow = ref flows[peer];
        return HasCombinedAll
            && flow.SumBytesReceived == flow.Segment.ByteCount
            && flow.SumBytesSent == ownSegment.ByteCount
            && flow.PartialBytesSent == PartialBytesFor(flow);
    }

    /// <inheritdoc/>
    public override Debt DebtOf(int peer)
    {
        if (IsDoneWith(peer))
            return Debt.None;
        return !HasCombinedAll && !Incoming(peer).IsEmpty ? Debt.Own : Debt.Dependent;
    }

    /// <summary>Gives the chunk and scratch memory back.</summary>
    public void Dispose()
    {
        chunks.Dispose();
        combiner.Dispose();
    }

    private long PartialBytesFor(in Flow peer) => partials.Length * peer.Segment.ByteCount;

    /// <summary>
    /// The bytes at <paramref name="position"/> of the stream of partials for <paramref name="segment"/>, up to the end of the chunk's partial they fall in.
    /// </summary>
    private ByteRange PartialBytes(FloatRange segment, long position)
    {
        var stride = (long)partials.Length * ChunkCount * sizeof(float);
        var chunkOffset = position / stride * ChunkCount;
        var chunkBytes = Math.Min(ChunkCount, segment.Count - chunkOffset) * sizeof(float);
        var (partial, offset) = Math.DivRem(position % stride, chunkBytes);
        var valueOffset = (segment.Address - result.Address) / sizeof(float) + chunkOffset;
        return new ByteRange(partials[partial].Slice(valueOffset, 0).Address + (nint)offset, chunkBytes - offset);
    }

    private void CombineChunk()
    {
        var bytes = CurrentChunkBytes;
        var count = bytes / sizeof(float);
        for (var peer = 0; peer < flows.Length; peer++)
        {
            for (var i = 0; i < plan.Partials[peer].Length; i++)
            {
                var address = peer == rank
                    ? partials[i].Slice(ownOffset + combinedCount, count).Address
                    : flows[peer].Chunk + (nint)(i * bytes);
                combiner.SetInput(plan.FirstInput[peer] + i, address);
            }
        }

        combiner.Combine(ownSegment.Slice(combinedCount, count));
        combinedCount += count;
        missingPeers = flows.Length - 1;
        for (var peer = 0; peer < flows.Length; peer++)
            flows[peer].ChunkBytesReceived = 0;
    }

    /// <summary>What moves between this rank and one peer.</summary>
    private struct Flow
    {
        /// <summary>Partials the peer holds.</summary>
        public int PartialCount;

        /// <summary>Memory for one chunk of each of them.</summary>
        public nint Chunk;

        /// <summary>The peer's segment of the result.</summary>
        public FloatRange Segment;

        public long PartialBytesSent;
        public long SumBytesSent;
        public long ChunkBytesReceived;
        public long SumBytesReceived;
    }
}
