namespace KaleidoDist.Collectives;

/// <summary>
/// The arithmetic of one rank's part in an all-reduce: merges the partials of its host, rounds them if the wire does, and sums the
/// partials of all hosts into every result that lies in this host's memory. Knows addresses and value positions, no peers.
/// </summary>
internal sealed class SegmentSum : IDisposable
{
    private readonly ReductionPlan plan;
    private readonly int host;
    private readonly Merger hostMerger;
    private readonly Merger rootMerger;
    private readonly NativeBuffer rounded; // bf16: a block of each of the host's partials, as the wire will have it.
    private readonly NativeBuffer decoded; // bf16: a block of each other host's partials.
    private readonly nint[] inputs;
    private readonly nint[] outputs;
    private int outputCount;

    /// <summary>The arithmetic of a rank of <paramref name="host"/>.</summary>
    public SegmentSum(ReductionPlan plan, int host, WireType wire)
    {
        this.plan = plan;
        this.host = host;
        // On a single host nothing travels, so nothing is rounded.
        Wire = plan.Hosts.Count == 1 ? WireType.F32 : wire;
        hostMerger = new Merger(plan.HostMerges[host]);
        rootMerger = new Merger(plan.Root);
        inputs = new nint[plan.HostMerges[host].Inputs];
        outputs = new nint[plan.Hosts.Ranks[host].Length];
        var isRounding = Wire == WireType.BF16;
        rounded = NativeBuffer.OfFloats(isRounding ? (long)HostPartialCount * Merger.BlockCount : 0);
        decoded = NativeBuffer.OfFloats(isRounding ? (long)plan.Root.Inputs * Merger.BlockCount : 0);
    }

    /// <summary>The type of values that travel.</summary>
    public WireType Wire { get; }

    /// <summary>Bytes of a value that travels.</summary>
    public int WireBytes => Wire == WireType.BF16 ? Bfloat16.ByteCount : sizeof(float);

    /// <summary>Partials the host sends.</summary>
    public int HostPartialCount => plan.HostMerges[host].Outputs.Length;

    /// <summary>True when the host's partials are its rank's own, bit for bit: they can be sent from where they are.</summary>
    public bool SendsInputs => Wire == WireType.F32 && plan.HostMerges[host].Steps.IsEmpty;

    /// <summary>The first result: the rank's own.</summary>
    public nint Result => outputs[0];

    /// <summary>Says where the values of an input begin.</summary>
    public void SetInput(int index, nint address) => inputs[index] = address;

    /// <summary>Where the values of an input begin.</summary>
    public nint Input(int index) => inputs[index];

    /// <summary>Says where the results of this host begin, the rank's own first.</summary>
    public void SetOutputs(ReadOnlySpan<nint> addresses)
    {
        addresses.CopyTo(outputs);
        outputCount = addresses.Length;
    }

    /// <summary>
    /// Writes the host's partials of <paramref name="count"/> values from <paramref name="start"/> on, one after another, as they travel.
    /// </summary>
    public void WriteHostPartials(long start, long count, nint destination)
    {
        for (long offset = 0; offset < count; offset += Merger.BlockCount)
        {
            var block = (int)Math.Min(Merger.BlockCount, count - offset);
            MergeHost(start + offset, block);
            for (var i = 0; i < HostPartialCount; i++)
                Write(new FloatRange(HostPartial(i), block), destination + (nint)((i * count + offset) * WireBytes));
        }
    }

    /// <summary>Writes <paramref name="values"/> as they travel.</summary>
    public void Write(FloatRange values, nint destination)
    {
        if (Wire == WireType.BF16)
            Bfloat16.Encode(values, destination);
        else
            values.CopyTo(values with { Address = destination });
    }

    /// <summary>
    /// Sums <paramref name="count"/> values from <paramref name="start"/> on into all results of the host. <paramref name="chunks"/> has, by host,
    /// where its partials of these values lie as they travelled; its own entry is not looked at.
    /// </summary>
    public void Sum(long start, long count, ReadOnlySpan<nint> chunks)
    {
        for (long offset = 0; offset < count; offset += Merger.BlockCount)
        {
            var block = (int)Math.Min(Merger.BlockCount, count - offset);
            var result = new FloatRange(Result + (nint)((start + offset) * sizeof(float)), block);
            if (plan.Hosts.Count == 1)
            {
                SetHostInputs(start + offset);
                hostMerger.MergeInto(result);
            }
            else
            {
                SetRootInputs(start, count, offset, block, chunks);
                rootMerger.MergeInto(result);
                if (Wire == WireType.BF16)
                    Bfloat16.Round(result, result.Address);
            }

            Share(start + offset, block);
        }
    }

    /// <summary>Takes sums of another rank's segment as they travelled.</summary>
    public void Read(nint source, long start, long count)
    {
        if (Wire == WireType.BF16)
            Bfloat16.Decode(source, new FloatRange(Result + (nint)(start * sizeof(float)), count));
    }

    /// <summary>Copies finished values from the rank's own result to the others of its host.</summary>
    public void Share(long start, long count)
    {
        var result = new FloatRange(Result + (nint)(start * sizeof(float)), count);
        for (var i = 1; i < outputCount; i++)
            result.CopyTo(result with { Address = outputs[i] + (nint)(start * sizeof(float)) });
    }

    /// <summary>Gives the scratch memory back.</summary>
    public void Dispose()
    {
        hostMerger.Dispose();
        rootMerger.Dispose();
        rounded.Dispose();
        decoded.Dispose();
    }

    private void SetHostInputs(long start)
    {
        for (var i = 0; i < inputs.Length; i++)
            hostMerger.SetInput(i, inputs[i] + (nint)(start * sizeof(float)));
    }

    private void MergeHost(long start, int block)
    {
        SetHostInputs(start);
        hostMerger.Merge(block);
        if (Wire != WireType.BF16)
            return;
        for (var i = 0; i < HostPartialCount; i++)
            Bfloat16.Round(new FloatRange(hostMerger.Output(i), block), Scratch(rounded, i));
    }

    private nint HostPartial(int index) => Wire == WireType.BF16 ? Scratch(rounded, index) : hostMerger.Output(index);

    private void SetRootInputs(long start, long count, long offset, int block, ReadOnlySpan<nint> chunks)
    {
        MergeHost(start + offset, block);
        for (var from = 0; from < plan.Hosts.Count; from++)
        {
            var first = plan.FirstHostInput[from];
            for (var i = 0; i < plan.HostMerges[from].Outputs.Length; i++)
                rootMerger.SetInput(first + i, from == host ? HostPartial(i) : Received(chunks[from] + (nint)((i * count + offset) * WireBytes), first + i, block));
        }
    }

    private nint Received(nint source, int slot, int block)
    {
        if (Wire != WireType.BF16)
            return source;
        Bfloat16.Decode(source, new FloatRange(Scratch(decoded, slot), block));
        return Scratch(decoded, slot);
    }

    private static nint Scratch(NativeBuffer buffer, int index) => buffer.Address + index * Merger.BlockCount * sizeof(float);
}
