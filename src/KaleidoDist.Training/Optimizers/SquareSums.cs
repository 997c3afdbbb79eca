using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// Sums of squares in double precision and in one fixed order, four lanes within a tensor: equal tensors give equal bits at any world size,
/// thread count and vector width.
/// </summary>
internal static class SquareSums
{
    /// <summary>The sum of each tensor's squares.</summary>
    /// <param name="tensors">Contiguous float32 tensors on one device.</param>
    internal static double[] Of(IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count == 0)
            return [];
        return tensors[0].device_type == DeviceType.CPU
            ? [.. tensors.Select(one => Of(MemoryMarshal.Cast<byte, float>(one.bytes)))]
            : [.. stack([.. tensors.Select(one => one.to(ScalarType.Float64)).Select(wide => (wide * wide).sum())]).cpu().data<double>()];
    }

    private static double Of(ReadOnlySpan<float> values)
    {
        var lanes = Vector256<double>.Zero;
        for (; values.Length >= Vector128<float>.Count; values = values[Vector128<float>.Count..])
        {
            var (lower, upper) = Vector128.Widen(Vector128.Create(values));
            var wide = Vector256.Create(lower, upper);
            lanes += wide * wide;
        }

        var sum = lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
        foreach (var value in values)
            sum += (double)value * value;
        return sum;
    }
}
