using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>Layer normalisation over the last axis.</summary>
internal static class Norm
{
    // The original's value (KALEIDO-BERT section 1.1); PyTorch's default is larger.
    private const double Epsilon = 1e-12;

    /// <summary>Normalises, then scales and shifts.</summary>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor bias)
        => nn.functional.layer_norm(input, [input.shape[^1]], weight, bias, Epsilon);

    /// <summary>Normalises only.</summary>
    public static Tensor Apply(Tensor input) => nn.functional.layer_norm(input, [input.shape[^1]], eps: Epsilon);
}
