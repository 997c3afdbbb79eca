namespace KaleidoDist.Collectives;

/// <summary>
/// The canonical sum over GPUs. Rank p owns segment p of the values, as over TCP:
/// <list type="number">
/// <item>chunk by chunk, every rank sends its partials of each peer's segment to that peer, and the owner adds what it has received along the
/// tree into the result;</item>
/// <item>then every owner sends its finished segment to all others.</item>
/// </list>
/// Everything goes onto one stream, so a step begins when the one before is done, without anybody waiting on the host. A sum is written over a
/// partial in place only in the own segment, which nobody is sent, or in step 2, after all partials have left.
/// </summary>
internal sealed class NcclExactReduction : IDisposable
{
    private readonly ReductionPlan plan;
    private readonly int rank;
    private readonly int worldSize;
    private readonly IDeviceMemory memory;
    private readonly int chunkCount;
    private readonly IDisposable buffer;
    private readonly FloatRange[] slots; // Chunks of the peers' partials, and the scratch of the additions; own partials stay where they are.
    private readonly List<NcclTransfer> transfers = [];

    /// <summary>The reduction of one rank; its buffers hold chunks of <paramref name="chunkCount"/> values.</summary>
    public NcclExactReduction(ReductionPlan plan, int rank, IDeviceMemory memory, int chunkCount)
    {
        (this.plan, this.rank, this.memory, this.chunkCount) = (plan, rank, memory, chunkCount);
        worldSize = plan.Partials.Length;
        slots = new FloatRange[plan.Inputs + plan.ScratchCount];
        buffer = memory.Allocate((long)(slots.Length - plan.Partials[rank].Length) * chunkCount, out var values);
        long next = 0;
        for (var slot = 0; slot < slots.Length; slot++)
        {
            if (slot >= plan.FirstInput[rank] && slot < plan.FirstInput[rank + 1])
                continue;
            slots[slot] = values.Slice(next, chunkCount);
            next += chunkCount;
        }
    }

    /// <summary>Puts the whole reduction onto the stream. Called within <see cref="IDeviceStream.Enter"/>.</summary>
    public void Begin(IReadOnlyList<SubtreePartial> partials, FloatRange result, NcclCommunicator communicator, nint stream, Action keepWaiting)
    {
        var segments = Enumerable.Range(0, worldSize).Select(peer => Segments.Of(result, peer, worldSize)).ToArray();
        for (long offset = 0; offset < segments.Max(segment => segment.Count); offset += chunkCount)
        {
            CollectChunk(partials, result, segments, offset);
            communicator.Transfer(transfers, stream, keepWaiting);
            Combine(partials, result, ChunkOf(segments[rank], offset));
        }

        CollectSums(segments);
        communicator.Transfer(transfers, stream, keepWaiting);
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose() => buffer.Dispose();

    private FloatRange ChunkOf(FloatRange segment, long offset)
    {
        var start = Math.Min(offset, segment.Count);
        return segment.Slice(start, Math.Min(chunkCount, segment.Count - start));
    }

    private void CollectChunk(IReadOnlyList<SubtreePartial> partials, FloatRange result, FloatRange[] segments, long offset)
    {
        transfers.Clear();
        var own = ChunkOf(segments[rank], offset);
        foreach (var peer in Peers())
        {
            var theirs = ChunkOf(segments[peer], offset);
            for (var i = 0; i < partials.Count && theirs.Count > 0; i++)
                transfers.Add(NcclTransfer.To(peer, SameValues(partials[i].Values, result, theirs)));
            for (var slot = plan.FirstInput[peer]; slot < plan.FirstInput[peer + 1] && own.Count > 0; slot++)
                transfers.Add(NcclTransfer.From(peer, slots[slot].Slice(0, own.Count)));
        }
    }

    private void CollectSums(FloatRange[] segments)
    {
        transfers.Clear();
        foreach (var peer in Peers())
        {
            if (segments[rank].Count > 0)
                transfers.Add(NcclTransfer.To(peer, segments[rank]));
            if (segments[peer].Count > 0)
                transfers.Add(NcclTransfer.From(peer, segments[peer]));
        }
    }

    private void Combine(IReadOnlyList<SubtreePartial> partials, FloatRange result, FloatRange chunk)
    {
        if (chunk.Count == 0)
            return;
        for (var i = 0; i < partials.Count; i++)
            slots[plan.FirstInput[rank] + i] = SameValues(partials[i].Values, result, chunk);
        if (plan.Steps.IsEmpty)
            memory.Copy(slots[0].Slice(0, chunk.Count), chunk);
        foreach (var (left, right, destination) in plan.Steps)
        {
            var target = destination == ReductionPlan.Result ? chunk : slots[destination].Slice(0, chunk.Count);
            memory.Add(slots[left].Slice(0, chunk.Count), slots[right].Slice(0, chunk.Count), target);
        }
    }

    /// <summary>The part of <paramref name="partial"/> that lies in it as <paramref name="chunk"/> lies in the result.</summary>
    private static FloatRange SameValues(FloatRange partial, FloatRange result, FloatRange chunk)
        => partial.Slice((chunk.Address - result.Address) / sizeof(float), chunk.Count);

    // In the order rank+1, rank+2, ...: not everybody starts with the same peer.
    private IEnumerable<int> Peers() => Enumerable.Range(1, worldSize - 1).Select(distance => (rank + distance) % worldSize);
}
