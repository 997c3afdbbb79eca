using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>The model's one activation function.</summary>
internal static class Activation
{
    /// <summary>GELU in its tanh approximation, as the original uses it.</summary>
    public static Tensor Gelu(Tensor input) => nn.functional.gelu(input, TorchSharp.Modules.GELU.Approximate.tanh);
}
