using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace KaleidoDist.Data;

/// <summary>What a bank keeps of one picture.</summary>
/// <param name="Features">[74, F] little-endian half-precision numbers (see <see cref="BankLayout"/>).</param>
/// <param name="Positions">[55, 5] x1, x2, y1, y2, area of each patch, in [0, 1].</param>
public sealed record BankVectors(ReadOnlyMemory<byte> Features, IReadOnlyList<float> Positions)
{
    /// <summary>Reads one vector.</summary>
    /// <param name="index">From <see cref="BankLayout"/>.</param>
    /// <param name="vector">[F] receives the numbers.</param>
    public void Read(int index, Span<float> vector)
    {
        var halves = MemoryMarshal.Cast<byte, Half>(Features.Span);
        TensorPrimitives.ConvertToSingle(halves.Slice(index * vector.Length, vector.Length), vector);
    }
}
