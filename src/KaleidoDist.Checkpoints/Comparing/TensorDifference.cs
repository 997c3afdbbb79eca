using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>How a tensor differs between two checkpoints.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Form">Type and shape; of the first checkpoint where it has the tensor.</param>
/// <param name="Kind">What differs.</param>
/// <param name="LargestChange">Largest difference of two elements; of F32 tensors that changed, else null.</param>
/// <param name="RelativeChange">Euclidean norm of the difference over that of the first; of F32 tensors that changed, else null.</param>
public sealed record TensorDifference(string Name, string Form, TensorDifferenceKind Kind, double? LargestChange = null, double? RelativeChange = null);

/// <summary>What differs in a tensor.</summary>
public enum TensorDifferenceKind
{
    /// <summary>Same form, other bytes.</summary>
    Changed,

    /// <summary>Another type or shape.</summary>
    Reshaped,

    /// <summary>Only the first checkpoint has it.</summary>
    Removed,

    /// <summary>Only the second checkpoint has it.</summary>
    Added,
}

/// <summary>Sums up two F32 tensors that are read in pieces.</summary>
internal struct TensorDistance
{
    private double largest;
    private double squaredDifference;
    private double squaredNorm;

    /// <summary>Largest difference of two elements; NaN when one is no number in one of them only.</summary>
    internal readonly double Largest => largest;

    /// <summary>Norm of the difference over that of the first; infinite when the first is all zeros.</summary>
    internal readonly double Relative => squaredDifference == 0 ? 0 : Math.Sqrt(squaredDifference / squaredNorm);

    /// <summary>Adds the same piece of both.</summary>
    internal void Add(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var a = MemoryMarshal.Cast<byte, float>(first);
        var b = MemoryMarshal.Cast<byte, float>(second);
        for (var i = 0; i < a.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(a[i]) == BitConverter.SingleToInt32Bits(b[i]))
            {
                squaredNorm += (double)a[i] * a[i];
                continue;
            }

            var difference = Math.Abs((double)b[i] - a[i]);
            largest = Math.Max(largest, difference);
            squaredDifference += difference * difference;
            squaredNorm += (double)a[i] * a[i];
        }
    }
}
