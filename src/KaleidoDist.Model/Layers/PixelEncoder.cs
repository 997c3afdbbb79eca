using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// Patch vectors from pixels, trained end to end and shared by the levels (KALEIDO-BERT section 9.3): one linear layer over all
/// pixels of a cell, GELU and LayerNorm. Each unit sees every border pixel, which is what neighbouring patches have in common.
/// </summary>
internal sealed class PixelEncoder(KaleidoParameters parameters, MatrixProducts products)
{
    private readonly Tensor weight = parameters["patch_encoder.dense.weight"];
    private readonly Tensor bias = parameters["patch_encoder.dense.bias"];
    private readonly Tensor normWeight = parameters["patch_encoder.LayerNorm.weight"];
    private readonly Tensor normBias = parameters["patch_encoder.LayerNorm.bias"];

    /// <summary>[B, 55, 3*S*S] pixels to [B, 55, F].</summary>
    public Tensor Forward(Tensor pixels)
        => Norm.Apply(Activation.Gelu(products.Linear(pixels, weight, bias)), normWeight, normBias, Norm.SafeEpsilon);
}
