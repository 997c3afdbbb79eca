using System.Numerics.Tensors;

namespace KaleidoDist.Collectives;

/// <summary>
/// A range of float32 values in native memory, owned by somebody else (a <see cref="NativeBuffer"/>, a tensor). The owner keeps it
/// alive and in place for as long as the range is used.
/// </summary>
/// <param name="Address">Address of the first value; 4-byte aligned, 64-byte aligned where speed matters.</param>
/// <param name="Count">Number of values, at least 0.</param>
public readonly record struct FloatRange(nint Address, long Count)
{
    /// <summary>Values a single vectorised call handles: spans are limited to 2^31 values, ranges are not.</summary>
    private const int BlockCount = 1 << 24;

    /// <summary>Length in bytes.</summary>
    public long ByteCount => Count * sizeof(float);

    /// <summary>The part of <paramref name="count"/> values from <paramref name="offset"/> on.</summary>
    public FloatRange Slice(long offset, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Count - count);
        return new FloatRange(Address + (nint)(offset * sizeof(float)), count);
    }

    /// <summary>The range as a span.</summary>
    /// <exception cref="OverflowException">It has more than 2^31 - 1 values.</exception>
    public unsafe Span<float> AsSpan() => new((void*)Address, checked((int)Count));

    /// <summary>Copies the values to <paramref name="destination"/>, which has the same count.</summary>
    public unsafe void CopyTo(FloatRange destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Count, Count);
        if (destination.Address != Address)
            Buffer.MemoryCopy((void*)Address, (void*)destination.Address, destination.ByteCount, ByteCount);
    }

    /// <summary>
    /// Writes <paramref name="left"/> + <paramref name="right"/> to <paramref name="destination"/>, value by value. The destination may be
    /// the very range of either operand, but not overlap one in part.
    /// </summary>
    public static void Add(FloatRange left, FloatRange right, FloatRange destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(right.Count, left.Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Count, left.Count);
        for (long offset = 0; offset < left.Count; offset += BlockCount)
        {
            var count = Math.Min(BlockCount, left.Count - offset);
            TensorPrimitives.Add<float>(
                left.Slice(offset, count).AsSpan(), right.Slice(offset, count).AsSpan(), destination.Slice(offset, count).AsSpan());
        }
    }

    /// <summary>True when the two ranges share memory without being the same range.</summary>
    public bool OverlapsInPart(FloatRange other)
        => this != other && Address < other.Address + (nint)other.ByteCount && other.Address < Address + (nint)ByteCount;
}
