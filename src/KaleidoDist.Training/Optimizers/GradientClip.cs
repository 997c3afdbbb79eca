using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// Clipping of the mean gradient by its global norm. Squares are added in double precision in one fixed order: within a parameter as
/// <see cref="SquareSums"/> says, then parameter by parameter in layout order. So equal gradients give the same norm bit for bit, at any
/// world size, thread count and vector width.
/// </summary>
public static class GradientClip
{
    // Keeps the factor below limit / norm, as PyTorch's clip_grad_norm_ does.
    private const double NormOffset = 1e-6;

    /// <summary>The L2 norm over all parameters.</summary>
    /// <param name="gradients">Flat float32 gradients.</param>
    /// <param name="layout">Their layout; padding is not read.</param>
    public static double Norm(Tensor gradients, ParameterLayout layout)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var squares = SquareSums.Of([.. layout.Slots.Select(slot => gradients.narrow(0, slot.Offset, slot.Count))]);
        return Math.Sqrt(squares.Aggregate(0.0, (sum, square) => sum + square));
    }

    /// <summary>Scales <paramref name="gradients"/> in place so that their norm does not exceed a limit.</summary>
    /// <param name="gradients">Flat float32 gradients.</param>
    /// <param name="layout">Their layout.</param>
    /// <param name="limit">Largest norm allowed; 0 for no limit.</param>
    /// <returns>The norm before clipping. NaN or infinite if the gradients are; then they stay as they are.</returns>
    public static double Apply(Tensor gradients, ParameterLayout layout, double limit)
    {
        var norm = Norm(gradients, layout);
        if (limit > 0 && norm > limit && double.IsFinite(norm))
        {
            using var noGrad = no_grad();
            gradients.Scale((float)(limit / (norm + NormOffset)));
        }

        return norm;
    }
}
