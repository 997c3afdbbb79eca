namespace KaleidoDist.Collectives;

/// <summary>
/// Executes a <see cref="ReductionPlan"/> on one chunk after another: every collective adds through this class, so all of them agree in
/// every bit. Owns the scratch memory; one thread at a time.
/// </summary>
internal sealed class PartialCombiner : IDisposable
{
    private readonly ReductionPlan plan;
    private readonly NativeBuffer scratch;
    private readonly nint[] slots;

    /// <summary>A combiner for chunks of at most <paramref name="chunkCount"/> values.</summary>
    public PartialCombiner(ReductionPlan plan, int chunkCount)
    {
        this.plan = plan;
        ChunkCount = chunkCount;
        scratch = NativeBuffer.OfFloats((long)plan.ScratchCount * chunkCount);
        slots = new nint[plan.Inputs + plan.ScratchCount];
        for (var i = 0; i < plan.ScratchCount; i++)
            slots[plan.Inputs + i] = scratch.Address + (nint)((long)i * chunkCount * sizeof(float));
    }

    /// <summary>Most values per chunk.</summary>
    public int ChunkCount { get; }

    /// <summary>Says where the next chunk of input <paramref name="input"/> lies.</summary>
    public void SetInput(int input, nint address) => slots[input] = address;

    /// <summary>Sums the inputs along the tree into <paramref name="result"/>, which may be the very memory of an input.</summary>
    public void Combine(FloatRange result)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(result.Count, ChunkCount);
        if (plan.Steps.IsEmpty)
            new FloatRange(slots[0], result.Count).CopyTo(result);
        foreach (var step in plan.Steps)
        {
            var destination = step.Destination == ReductionPlan.Result ? result.Address : slots[step.Destination];
            FloatRange.Add(
                new FloatRange(slots[step.Left], result.Count),
                new FloatRange(slots[step.Right], result.Count),
                new FloatRange(destination, result.Count));
        }
    }

    /// <summary>Gives the scratch memory back.</summary>
    public void Dispose() => scratch.Dispose();
}
