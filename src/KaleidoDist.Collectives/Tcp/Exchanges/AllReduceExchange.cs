namespace KaleidoDist.Collectives;

/// <summary>
/// Direct reduce-scatter and all-gather in one pass. Rank p owns segment p of the values. To each peer a rank sends
/// <list type="number">
/// <item>its partials of the peer's segment, chunk by chunk, all partials of a chunk together;</item>
/// <item>the finished sums of its own segment, as far as they are.</item>
/// </list>
/// The owner holds one chunk of every peer's partials; when the last of them is in, it adds them along the canonical tree straight into
/// the result, which is where the sums are sent from. Items of kind 1 wait for nobody, so every owner finishes its segment; then items
/// of kind 2 wait for nobody. A sum is written over a partial in place only after that partial has left for its owner. A reduce-scatter
/// is the same without kind 2.
/// </summary>
internal sealed class AllReduceExchange : Exchange, IDisposable
{
    private readonly ReductionPlan plan;
    private readonly int rank;
    private readonly PartialCombiner combiner;
    private readonly NativeBuffer chunks;
    private readonly FloatRange[] partials;
    private readonly Flow[] flows;

    private FloatRange result; // None for a reduce-scatter: only the own segment is wanted.
    private FloatRange ownSegment;
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

    private bool SharesSums => Header.Kind == CollectiveKind.AllReduce;

    /// <summary>Takes the arguments of an all-reduce, which were checked.</summary>
    public void Prepare(ReadOnlySpan<FloatRange> own, FloatRange destination)
    {
        own.CopyTo(partials);
        result = destination;
        ownSegment = Segments.Of(destination, rank, flows.Length);
        Header = new CollectiveHeader(0, CollectiveKind.AllReduce, ElementType.Float32, 0, destination.Count);
    }

    /// <summary>Takes the arguments of a reduce-scatter, which were checked.</summary>
    public void PrepareScatter(IReadOnlyList<SubtreePartial> own, FloatRange segment)
    {
        for (var i = 0; i < partials.Length; i++)
            partials[i] = own[i].Values;
        result = default;
        ownSegment = segment;
        Header = new CollectiveHeader(0, CollectiveKind.ReduceScatter, ElementType.Float32, 0, partials[0].Count);
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        combinedCount = 0;
        for (var peer = 0; peer < flows.Length; peer++)
        {
            ref var flow = ref flows[peer];
            (flow.SegmentStart, flow.SegmentCount) = Segments.Of(partials[0].Count, peer, flows.Length);
            flow.PartialBytesSent = flow.SumBytesSent = flow.ChunkBytesReceived = flow.SumBytesReceived = 0;
        }

        missingPeers = flows.Length - 1;
        while (missingPeers == 0 && !HasCombinedAll)
            CombineChunk(); // A world of one.
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer)
    {
        ref var flow = ref flows[peer];
        return flow.PartialBytesSent < PartialBytesFor(flow)
            ? PartialBytes(flow, flow.PartialBytesSent)
            : ByteRange.Of(ownSegment, flow.SumBytesSent, SharesSums ? combinedCount * sizeof(float) : 0);
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
        if (HasCombinedAll)
        {
            return SharesSums
                ? ByteRange.Of(result.Slice(flow.SegmentStart, flow.SegmentCount), flow.SumBytesReceived, flow.SegmentBytes)
                : ByteRange.Empty;
        }

        return new ByteRange(flow.Chunk + (nint)flow.ChunkBytesReceived, flow.PartialCount * CurrentChunkBytes - flow.ChunkBytesReceived);
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
            && (!SharesSums || (flow.SumBytesReceived == flow.SegmentBytes && flow.SumBytesSent == ownSegment.ByteCount))
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

    private long PartialBytesFor(in Flow peer) => partials.Length * peer.SegmentBytes;

    /// <summary>
    /// The bytes at <paramref name="position"/> of the stream of partials for a peer's segment, up to the end of the chunk's partial they fall in.
    /// </summary>
    private ByteRange PartialBytes(in Flow peer, long position)
    {
        var stride = (long)partials.Length * ChunkCount * sizeof(float);
        var chunkOffset = position / stride * ChunkCount;
        var chunkBytes = Math.Min(ChunkCount, peer.SegmentCount - chunkOffset) * sizeof(float);
        var (partial, offset) = Math.DivRem(position % stride, chunkBytes);
        return new ByteRange(partials[partial].Slice(peer.SegmentStart + chunkOffset, 0).Address + (nint)offset, chunkBytes - offset);
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
                    ? partials[i].Slice(flows[rank].SegmentStart + combinedCount, count).Address
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

        /// <summary>Where the peer's segment of the values begins.</summary>
        public long SegmentStart;

        /// <summary>Values in it.</summary>
        public long SegmentCount;

        public long PartialBytesSent;
        public long SumBytesSent;
        public long ChunkBytesReceived;
        public long SumBytesReceived;

        /// <summary>Bytes of the peer's segment.</summary>
        public readonly long SegmentBytes => SegmentCount * sizeof(float);
    }
}
