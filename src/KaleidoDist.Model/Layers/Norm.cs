using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Layer normalisation over the last axis.</summary>
internal static class Norm
{
    // The original's value (KALEIDO-BERT section 1.1); PyTorch's default is larger.
    private const double Epsilon = 1e-12;

    /// <summary>
    /// For inputs that can be all equal, as the vector of a blank patch is before the first step: with the original's value such a
    /// row's gradient is a million times too large (measured: a first gradient norm of 9,576 where later ones are 15).
    /// </summary>
    public const double SafeEpsilon = 1e-5;

    /// <summary>Normalises, then scales and shifts.</summary>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor bias, double epsilon = Epsilon)
        => nn.functional.layer_norm(input, [input.shape[^1]], weight, bias, epsilon);

    /// <summary>Normalises only.</summary>
    public static Tensor Apply(Tensor input) => nn.functional.layer_norm(input, [input.shape[^1]], eps: Epsilon);
}
