namespace KaleidoDist.Collectives;

/// <summary>
/// Direct reduce-scatter and all-gather in one pass, between hosts. Rank p owns segment p of the values. In every other host one rank, its
/// agent there, deals with it. To each peer a rank sends
/// <list type="number">
/// <item>if it is the peer's agent: its host's partials of the peer's segment, chunk by chunk, all partials of a chunk together;</item>
/// <item>if the peer is its own agent: the finished sums of its own segment, as far as they are.</item>
/// </list>
/// The owner holds one chunk of every host's partials; when the last of them is in, it adds them along the canonical tree straight into
/// the results of its host, which is where the sums are sent from. Items of kind 1 wait for nobody, so every owner finishes its segment;
/// then items of kind 2 wait for nobody. A sum is written over a partial in place only after that partial has left for its owner. Where no
/// two ranks share memory, each is the agent of its own host for everybody. Where all ranks share memory, nothing is sent, and ranks claim
/// one chunk after another: who is held up by other work does less. A reduce-scatter is the same without kind 2.
/// </summary>
internal sealed class AllReduceExchange : Exchange, IDisposable
{
    private readonly int rank;
    private readonly SegmentSum sum;
    private readonly NativeBuffer chunks;
    private readonly FloatRange[] ownPartials;
    private readonly Flow[] flows;
    private readonly nint[] chunkOfHost;
    private readonly bool sharesNoMemory;
    private readonly int giverCount; // Peers that send partials of the own segment: one per other host.

    private FloatRange ownResult;
    private long valueCount;
    private long ownStart;
    private long ownCount;
    private long combinedCount; // Values of the own segment that are finished.
    private int missingGivers; // Of the current chunk.

    /// <summary>The exchange of <paramref name="rank"/>; it adds and sends chunks of <paramref name="chunkBytes"/> (as float32).</summary>
    public AllReduceExchange(ReductionPlan plan, int rank, int chunkBytes, WireType wire)
    {
        this.rank = rank;
        var hosts = plan.Hosts;
        var host = hosts.Of(rank);
        sum = new SegmentSum(plan, host, wire);
        ChunkCount = chunkBytes / sizeof(float);
        ownPartials = new FloatRange[plan.Partials[rank].Length];
        flows = new Flow[hosts.WorldSize];
        chunkOfHost = new nint[hosts.Count];
        giverCount = hosts.Count - 1;
        sharesNoMemory = hosts.Ranks[host].Length == 1;

        var wireChunkBytes = (long)ChunkCount * sum.WireBytes;
        var sumWindowBytes = sum.Wire == WireType.BF16 ? wireChunkBytes : 0;
        long byteCount = 0;
        for (var peer = 0; peer < flows.Length; peer++)
        {
            if (hosts.Of(peer) == host)
                continue;
            ref var flow = ref flows[peer];
            flow.Host = hosts.Of(peer);
            flow.GivesPartials = hosts.AgentOf(flow.Host, rank) == peer;
            flow.TakesPartials = hosts.AgentOf(host, peer) == rank;
            flow.PartialCount = plan.HostMerges[flow.Host].Outputs.Length;
            // Offsets until the memory is there.
            flow.ReceiveChunk = (nint)byteCount;
            byteCount += Math.Max(flow.GivesPartials ? flow.PartialCount * wireChunkBytes : 0, sumWindowBytes);
            flow.SendChunk = (nint)byteCount;
            byteCount += Math.Max(flow.TakesPartials && !sum.SendsInputs ? sum.HostPartialCount * wireChunkBytes : 0, sumWindowBytes);
        }

        chunks = new NativeBuffer(byteCount);
        foreach (ref var flow in flows.AsSpan())
        {
            flow.ReceiveChunk += chunks.Address;
            flow.SendChunk += chunks.Address;
            if (flow.GivesPartials)
                chunkOfHost[flow.Host] = flow.ReceiveChunk;
        }
    }

    /// <summary>Partials of the call, as its rank brought them.</summary>
    public ReadOnlySpan<FloatRange> OwnPartials => ownPartials;

    /// <summary>The result of the call, as its rank wants it.</summary>
    public FloatRange OwnResult => ownResult;

    /// <summary>Where all ranks share memory: which chunks are this rank's to sum.</summary>
    public ChunkClaims? Claims { get; set; }

    /// <inheritdoc/>
    public override bool IsLocalWorkDone => HasCombinedAll;

    private int ChunkCount { get; }

    private long CurrentChunkCount => Math.Min(ChunkCount, ownCount - combinedCount);

    private bool HasCombinedAll => combinedCount == ownCount;

    private bool SharesSums => Header.Kind == CollectiveKind.AllReduce;

    /// <summary>Takes the arguments of an all-reduce, which were checked.</summary>
    public void Prepare(ReadOnlySpan<FloatRange> own, FloatRange destination)
    {
        own.CopyTo(ownPartials);
        ownResult = destination;
        valueCount = destination.Count;
        Header = new CollectiveHeader(0, CollectiveKind.AllReduce, ElementType.Float32, 0, valueCount);
        if (sharesNoMemory)
            UseOwn(destination.Address);
    }

    /// <summary>Takes the arguments of a reduce-scatter, which were checked.</summary>
    public void PrepareScatter(IReadOnlyList<SubtreePartial> own, FloatRange segment)
    {
        for (var i = 0; i < ownPartials.Length; i++)
            ownPartials[i] = own[i].Values;
        ownResult = segment;
        valueCount = ownPartials[0].Count;
        Header = new CollectiveHeader(0, CollectiveKind.ReduceScatter, ElementType.Float32, 0, valueCount);
        // Only the own segment is written: the rest of this range is never touched.
        UseOwn(segment.Address - (nint)(Segments.Of(valueCount, rank, flows.Length).Start * sizeof(float)));
    }

    /// <summary>Takes the memory of all ranks of this host for the next <paramref name="count"/> values of the call.</summary>
    /// <param name="inputs">Where the values of the partials begin, rank after rank.</param>
    /// <param name="outputs">Where the results begin, the rank's own first.</param>
    /// <param name="count">Number of values.</param>
    public void UseShared(ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, long count)
    {
        for (var i = 0; i < inputs.Length; i++)
            sum.SetInput(i, inputs[i]);
        sum.SetOutputs(outputs);
        valueCount = count;
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        combinedCount = 0;
        missingGivers = giverCount;
        (ownStart, ownCount) = Claims is null ? Segments.Of(valueCount, rank, flows.Length) : (0, valueCount);
        Claims?.Begin((valueCount + ChunkCount - 1) / ChunkCount);
        for (var peer = 0; peer < flows.Length; peer++)
        {
            ref var flow = ref flows[peer];
            (flow.SegmentStart, flow.SegmentCount) = Segments.Of(valueCount, peer, flows.Length);
            flow.Out = flow.In = ByteRange.Empty;
            flow.PartialValuesOut = flow.SumsOut = flow.SumsIn = 0;
            flow.NextPartial = 0;
            flow.HasChunk = false;
        }
    }

    /// <inheritdoc/>
    public override bool Advance()
    {
        if (Claims is null || HasCombinedAll)
            return false;
        var chunk = Claims.Next();
        if (chunk < 0)
        {
            combinedCount = ownCount; // All chunks are claimed, this rank's are done.
            return false;
        }

        var start = chunk * ChunkCount;
        sum.Sum(start, Math.Min(ChunkCount, valueCount - start), chunkOfHost);
        return true;
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer)
    {
        ref var flow = ref flows[peer];
        if (flow.Out.IsEmpty)
        {
            if (flow.TakesPartials && flow.PartialValuesOut < flow.SegmentCount)
                flow.Out = NextPartials(ref flow);
            else if (flow.GivesPartials && SharesSums)
                flow.Out = NextSums(ref flow);
        }

        return flow.Out;
    }

    /// <inheritdoc/>
    public override void Sent(int peer, long byteCount) => flows[peer].Out = flows[peer].Out.From(byteCount);

    /// <inheritdoc/>
    public override ByteRange Incoming(int peer)
    {
        ref var flow = ref flows[peer];
        if (flow.In.IsEmpty)
        {
            if (flow.GivesPartials && !HasCombinedAll)
                flow.In = flow.HasChunk ? ByteRange.Empty : new ByteRange(flow.ReceiveChunk, flow.PartialCount * CurrentChunkCount * sum.WireBytes);
            else if (flow.TakesPartials && SharesSums)
                flow.In = NextSumWindow(flow);
        }

        return flow.In;
    }

    /// <inheritdoc/>
    public override void Received(int peer, long byteCount)
    {
        ref var flow = ref flows[peer];
        flow.In = flow.In.From(byteCount);
        if (!flow.In.IsEmpty)
            return;
        if (flow.GivesPartials && !HasCombinedAll)
        {
            flow.HasChunk = true;
            if (--missingGivers == 0)
                CombineChunk();
            return;
        }

        var count = SumWindowCount(flow);
        var start = flow.SegmentStart + flow.SumsIn;
        sum.Read(flow.ReceiveChunk, start, count);
        sum.Share(start, count);
        flow.SumsIn += count;
    }

    /// <inheritdoc/>
    public override bool IsDoneWith(int peer)
    {
        ref var flow = ref flows[peer];
        return flow.Out.IsEmpty
            && flow.In.IsEmpty
            && (!flow.TakesPartials || flow.PartialValuesOut == flow.SegmentCount)
            && (!flow.TakesPartials || !SharesSums || flow.SumsIn == flow.SegmentCount)
            && (!flow.GivesPartials || HasCombinedAll)
            && (!flow.GivesPartials || !SharesSums || flow.SumsOut == ownCount);
    }

    /// <inheritdoc/>
    public override Debt DebtOf(int peer)
    {
        if (IsDoneWith(peer))
            return Debt.None;
        return flows[peer].GivesPartials && !HasCombinedAll && !flows[peer].HasChunk ? Debt.Own : Debt.Dependent;
    }

    /// <summary>Gives the chunk and scratch memory back.</summary>
    public void Dispose()
    {
        chunks.Dispose();
        sum.Dispose();
    }

    private void UseOwn(nint result)
    {
        for (var i = 0; i < ownPartials.Length; i++)
            sum.SetInput(i, ownPartials[i].Address);
        sum.SetOutputs([result]);
    }

    private FloatRange ResultAt(long start, long count) => new(sum.Result + (nint)(start * sizeof(float)), count);

    /// <summary>The next stretch of partials for a peer's segment: a partial's part of a chunk where it lies, or a whole chunk written for the wire.</summary>
    private ByteRange NextPartials(ref Flow flow)
    {
        var count = Math.Min(ChunkCount, flow.SegmentCount - flow.PartialValuesOut);
        var start = flow.SegmentStart + flow.PartialValuesOut;
        if (sum.SendsInputs)
        {
            var values = new FloatRange(sum.Input(flow.NextPartial) + (nint)(start * sizeof(float)), count);
            if (++flow.NextPartial == sum.HostPartialCount)
            {
                flow.NextPartial = 0;
                flow.PartialValuesOut += count;
            }

            return ByteRange.Of(values, 0, values.ByteCount);
        }

        sum.WriteHostPartials(start, count, flow.SendChunk);
        flow.PartialValuesOut += count;
        return new ByteRange(flow.SendChunk, sum.HostPartialCount * count * sum.WireBytes);
    }

    private ByteRange NextSums(ref Flow flow)
    {
        var count = combinedCount - flow.SumsOut;
        var values = ResultAt(ownStart + flow.SumsOut, sum.Wire == WireType.F32 ? count : Math.Min(count, ChunkCount));
        flow.SumsOut += values.Count;
        if (sum.Wire == WireType.F32)
            return ByteRange.Of(values, 0, values.ByteCount);
        sum.Write(values, flow.SendChunk);
        return new ByteRange(flow.SendChunk, values.Count * sum.WireBytes);
    }

    private ByteRange NextSumWindow(in Flow flow)
    {
        var count = SumWindowCount(flow);
        return sum.Wire == WireType.F32
            ? ByteRange.Of(ResultAt(flow.SegmentStart + flow.SumsIn, count), 0, count * sizeof(float))
            : new ByteRange(flow.ReceiveChunk, count * sum.WireBytes);
    }

    private long SumWindowCount(in Flow flow) => Math.Min(ChunkCount, flow.SegmentCount - flow.SumsIn);

    private void CombineChunk()
    {
        var count = CurrentChunkCount;
        sum.Sum(ownStart + combinedCount, count, chunkOfHost);
        combinedCount += count;
        missingGivers = giverCount;
        for (var peer = 0; peer < flows.Length; peer++)
            flows[peer].HasChunk = false;
    }

    /// <summary>What moves between this rank and one peer of another host.</summary>
    private struct Flow
    {
        /// <summary>The peer's host.</summary>
        public int Host;

        /// <summary>The peer is this rank's agent in its host: it sends partials of the own segment, and gets its sums.</summary>
        public bool GivesPartials;

        /// <summary>This rank is the peer's agent in its host: it sends partials of the peer's segment, and gets its sums.</summary>
        public bool TakesPartials;

        /// <summary>Partials the peer's host holds.</summary>
        public int PartialCount;

        /// <summary>Memory for what arrives: one chunk of each partial; later, with bf16, a window of sums.</summary>
        public nint ReceiveChunk;

        /// <summary>Memory for what must be written before it is sent: merged or rounded partials, rounded sums.</summary>
        public nint SendChunk;

        /// <summary>Where the peer's segment begins, and how long it is.</summary>
        public long SegmentStart;
        public long SegmentCount;

        /// <summary>What is on its way now.</summary>
        public ByteRange Out;
        public ByteRange In;

        /// <summary>Values of the peer's segment whose partials have all been taken up by <see cref="Out"/>; the next partial of those that follow.</summary>
        public long PartialValuesOut;
        public int NextPartial;

        /// <summary>Sums taken up by <see cref="Out"/>, and sums that have arrived.</summary>
        public long SumsOut;
        public long SumsIn;

        /// <summary>The current chunk of partials is all here.</summary>
        public bool HasChunk;
    }
}
