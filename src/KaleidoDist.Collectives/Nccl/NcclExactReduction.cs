using System.Collections.Immutable;

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
    private readonly MergePlan merge;
    private readonly ImmutableArray<int> firstInput; // By rank, the slot of its first partial; one more entry marks the end.
    private readonly int rank;
    private readonly int worldSize;
    private readonly IFloatMemory memory;
    private readonly int chunkCount;
    private readonly IDisposable buffer;
    private readonly FloatRange[] slots; // Chunks of the peers' partials, and the scratch of the additions; own partials stay where they are.
    private readonly List<NcclTransfer> transfers = [];

    /// <summary>The reduction of one rank; its buffers hold chunks of <paramref name="chunkCount"/> values.</summary>
    public NcclExactReduction(ReductionPlan plan, int rank, IFloatMemory memory, int chunkCount)
    {
        (merge, this.rank, this.memory, this.chunkCount) = (plan.Root, rank, memory, chunkCount);
        worldSize = plan.Partials.Length;
        firstInput = [.. plan.FirstHostInput, merge.Inputs];
        slots = new FloatRange[merge.Inputs + merge.ScratchCount];
        buffer = memory.Allocate((long)(slots.Length - plan.Partials[rank].Length) * chunkCount, out var values);
        long next = 0;
        for (var slot = 0; slot < slots.Length; slot++)
        {
            if (slot >= firstInput[rank] && slot < firstInput[rank + 1])
                continue;
            slots[slot] = values.Slice(next, chunkCount);
            next += chunkCount;
        }
    }

    /// <summary>Puts step 1 onto the stream: this rank's segment of the sum. Called within <see cref="IDeviceStream.Enter"/>.</summary>
    public void BeginScatter(IReadOnlyList<SubtreePartial> partials, FloatRange segment, NcclCommunicator communicator, nint stream, Action keepWaiting)
    {
        var count = partials[0].Values.Count;
        var longest = Enumerable.Range(0, worldSize).Max(peer => Segments.Of(count, peer, worldSize).Count);
        for (long offset = 0; offset < longest; offset += chunkCount)
        {
            CollectChunk(partials, count, offset);
            communicator.Transfer(transfers, stream, keepWaiting);
            Combine(partials, count, offset, segment);
        }
    }

    /// <summary>Puts step 2 onto the stream: every rank's segment to all ranks.</summary>
    public void BeginGather(FloatRange values, NcclCommunicator communicator, nint stream, Action keepWaiting)
    {
        transfers.Clear();
        var own = Segments.Of(values, rank, worldSize);
        foreach (var peer in Peers())
        {
            var theirs = Segments.Of(values, peer, worldSize);
            if (own.Count > 0)
                transfers.Add(NcclTransfer.To(peer, own));
            if (theirs.Count > 0)
                transfers.Add(NcclTransfer.From(peer, theirs));
        }

        communicator.Transfer(transfers, stream, keepWaiting);
    }

    /// <summary>Gives the buffers back.</summary>
    public void Dispose() => buffer.Dispose();

    private void CollectChunk(IReadOnlyList<SubtreePartial> partials, long count, long offset)
    {
        transfers.Clear();
        var own = ChunkOf(rank, count, offset);
        foreach (var peer in Peers())
        {
            var theirs = ChunkOf(peer, count, offset);
            for (var i = 0; i < partials.Count && theirs.Count > 0; i++)
                transfers.Add(NcclTransfer.To(peer, partials[i].Values.Slice(theirs.Start, theirs.Count)));
            for (var slot = firstInput[peer]; slot < firstInput[peer + 1] && own.Count > 0; slot++)
                transfers.Add(NcclTransfer.From(peer, slots[slot].Slice(0, own.Count)));
        }
    }

    private void Combine(IReadOnlyList<SubtreePartial> partials, long count, long offset, FloatRange segment)
    {
        var own = ChunkOf(rank, count, offset);
        if (own.Count == 0)
            return;
        for (var i = 0; i < partials.Count; i++)
            slots[firstInput[rank] + i] = partials[i].Values.Slice(own.Start, own.Count);
        var result = segment.Slice(offset, own.Count);
        if (merge.Steps.IsEmpty)
            memory.Copy(slots[0].Slice(0, own.Count), result);
        for (var i = 0; i < merge.Steps.Length; i++)
        {
            var (left, right, destination) = merge.Steps[i];
            var target = i == merge.Steps.Length - 1 ? result : slots[destination].Slice(0, own.Count);
            memory.Add(slots[left].Slice(0, own.Count), slots[right].Slice(0, own.Count), target);
        }
    }

    /// <summary>The chunk at <paramref name="offset"/> of a rank's segment, as a place among all values; empty behind the segment's end.</summary>
    private (long Start, long Count) ChunkOf(int peer, long count, long offset)
    {
        var segment = Segments.Of(count, peer, worldSize);
        var start = Math.Min(offset, segment.Count);
        return (segment.Start + start, Math.Min(chunkCount, segment.Count - start));
    }

    // In the order rank+1, rank+2, ...: not everybody starts with the same peer.
    private IEnumerable<int> Peers() => Enumerable.Range(1, worldSize - 1).Select(distance => (rank + distance) % worldSize);
}
