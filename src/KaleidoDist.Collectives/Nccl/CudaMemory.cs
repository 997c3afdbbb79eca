using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Collectives;

/// <summary>
/// The flat tensors of one device, addressed as ranges: a collective is handed a <see cref="FloatRange"/> and needs the tensor it lies in to
/// compute with it. Tensors that were not made here are made known by <see cref="Adopt"/>. Used by the rank thread alone.
/// </summary>
public sealed class CudaMemory(Device device) : IFloatMemory
{
    private readonly List<(FloatRange Range, Tensor Values)> blocks = [];

    /// <summary>Makes a flat float32 tensor known, which outlives this memory or is handed to <see cref="Release"/> first.</summary>
    /// <returns>Where it lies.</returns>
    public FloatRange Adopt(Tensor flat)
    {
        if (flat.dtype != ScalarType.Float32 || flat.dim() != 1 || !flat.is_contiguous())
            throw new ArgumentException($"The tensor is {flat.dtype} of {flat.dim()} dimensions; expected a flat, contiguous Float32.", nameof(flat));
        var range = new FloatRange(TorchStable.DataPointer(flat), flat.numel());
        blocks.Add((range, flat));
        return range;
    }

    /// <summary>Forgets an adopted tensor.</summary>
    public void Release(Tensor flat) => blocks.RemoveAll(block => ReferenceEquals(block.Values, flat));

    /// <inheritdoc/>
    public IDisposable Allocate(long count, out FloatRange values)
    {
        var tensor = zeros(count, dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
        values = Adopt(tensor);
        return new Allocation(this, tensor);
    }

    /// <inheritdoc/>
    public bool Contains(FloatRange range) => Find(range) >= 0;

    /// <inheritdoc/>
    public void Add(FloatRange left, FloatRange right, FloatRange destination)
    {
        if (left.Count == 0)
            return;
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        Tensor first = View(left), second = View(right);
        if (destination == left)
            first.Add(second);
        else if (destination == right)
            second.Add(first); // a + b and b + a have the same bits.
        else
            View(destination).copy_(first).Add(second);
    }

    /// <inheritdoc/>
    public void Copy(FloatRange source, FloatRange destination)
    {
        if (source.Count == 0 || source == destination)
            return;
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        View(destination).copy_(View(source));
    }

    private Tensor View(FloatRange range)
    {
        var block = Find(range);
        if (block < 0)
            throw new ArgumentException($"No tensor of this memory holds the {range.Count} values at {range.Address:x}; expected a range of one that was allocated or adopted.", nameof(range));
        return blocks[block].Values.narrow(0, (range.Address - blocks[block].Range.Address) / sizeof(float), range.Count);
    }

    private int Find(FloatRange range)
        => blocks.FindIndex(block => range.Address >= block.Range.Address && range.Address + (nint)range.ByteCount <= block.Range.Address + (nint)block.Range.ByteCount);

    private sealed class Allocation(CudaMemory memory, Tensor tensor) : IDisposable
    {
        public void Dispose()
        {
            memory.Release(tensor);
            tensor.Dispose();
        }
    }
}
