using System.Runtime.InteropServices;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// The weights of a ResNet-50 as they are stored, in one flat buffer on the CPU: filled once, from a file or from a seed, and given to a
/// <see cref="ResNet50"/>. Must be created outside any dispose scope that ends before it.
/// </summary>
public sealed class ResNet50Weights : IDisposable
{
    /// <summary>Allocates zeroed weights.</summary>
    public ResNet50Weights() => Values = zeros(Layout.Length, dtype: ScalarType.Float32).DetachFromDisposeScope();

    /// <summary>Names, shapes and places in <see cref="Values"/>.</summary>
    public static ParameterLayout Layout => ResNet50Layout.Tensors;

    /// <summary>[<see cref="ParameterLayout.Length"/>] float32, all tensors.</summary>
    public Tensor Values { get; }

    /// <summary>
    /// Fills in weights of a seed (He et al., ICCV 2015), for trials without a trained file. The last BatchNorm of each block is small, so
    /// that sixteen blocks add up to numbers that half precision holds.
    /// </summary>
    public void Initialize(ulong seed)
    {
        const float quiet = 0.25f;
        foreach (var (index, slot) in Layout.Slots.Index())
        {
            using var part = Values.narrow(0, slot.Offset, slot.Count);
            var numbers = MemoryMarshal.Cast<byte, float>(part.bytes);
            var random = new KeyedRandom(seed, RandomPurpose.Initialization, (ulong)index);
            if (slot.Shape.Count > 1)
                TruncatedNormal.Fill(numbers, Math.Sqrt(2.0 * slot.Shape[0] / slot.Count), ref random);
            else if (slot.Name.EndsWith(ResNet50Layout.LastNorm, StringComparison.Ordinal))
                numbers.Fill(quiet);
            else
                numbers.Fill(slot.Name.EndsWith(".weight", StringComparison.Ordinal) || slot.Name.EndsWith("running_var", StringComparison.Ordinal) ? 1 : 0);
        }
    }

    /// <summary>A view of a tensor, which the caller disposes.</summary>
    internal Tensor Get(string name)
    {
        var slot = Layout[name];
        using var part = Values.narrow(0, slot.Offset, slot.Count);
        return part.view([.. slot.Shape]);
    }

    /// <inheritdoc/>
    public void Dispose() => Values.Dispose();
}
