namespace KaleidoDist.Collectives;

/// <summary>
/// Executes a <see cref="MergePlan"/> on one block of values after another: every collective adds through this class, so all of them agree
/// in every bit. Owns the scratch memory; one thread at a time.
/// </summary>
internal sealed class Merger : IDisposable
{
    /// <summary>Values per block: the inputs and scratch of a block together stay in the first two cache levels.</summary>
    public const int BlockCount = 4096;

    private readonly MergePlan plan;
    private readonly NativeBuffer scratch;
    private readonly nint[] slots;

    /// <summary>An executor of <paramref name="plan"/>.</summary>
    public Merger(MergePlan plan)
    {
        this.plan = plan;
        scratch = NativeBuffer.OfFloats((long)plan.ScratchCount * BlockCount);
        slots = new nint[plan.Inputs + plan.ScratchCount];
        for (var i = 0; i < plan.ScratchCount; i++)
            slots[plan.Inputs + i] = scratch.Address + i * BlockCount * sizeof(float);
    }

    /// <summary>Says where the block of an input lies.</summary>
    public void SetInput(int input, nint address) => slots[input] = address;

    /// <summary>Merges a block of <paramref name="count"/> values; the outputs are then at <see cref="Output"/>.</summary>
    public void Merge(int count)
    {
        foreach (var step in plan.Steps)
            Add(step, slots[step.Destination], count);
    }

    /// <summary>Where output <paramref name="index"/> of the merged block lies: in scratch memory, or at an input that was left alone.</summary>
    public nint Output(int index) => slots[plan.Outputs[index].Slot];

    /// <summary>Merges a block into its only output, which may lie on the very memory of an input.</summary>
    public void MergeInto(FloatRange output)
    {
        var count = (int)output.Count;
        if (plan.Steps.IsEmpty)
        {
            new FloatRange(slots[0], count).CopyTo(output);
            return;
        }

        for (var i = 0; i < plan.Steps.Length - 1; i++)
            Add(plan.Steps[i], slots[plan.Steps[i].Destination], count);
        Add(plan.Steps[^1], output.Address, count);
    }

    /// <summary>Gives the scratch memory back.</summary>
    public void Dispose() => scratch.Dispose();

    private void Add(MergeStep step, nint destination, int count)
        => FloatRange.Add(new FloatRange(slots[step.Left], count), new FloatRange(slots[step.Right], count), new FloatRange(destination, count));
}
