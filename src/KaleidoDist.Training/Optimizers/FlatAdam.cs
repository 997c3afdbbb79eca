using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), which differ in the weight decay alone: <c>adam</c> adds it to the
/// gradient, where the moments see it, as torch.optim.Adam does; <c>adamw</c> shrinks the weights themselves, inside the rate-scaled update
/// (KALEIDO-BERT section 4). One call for the decayed part of the layout and one for the rest (more where parameters are frozen), so no per-parameter
/// work. Uses libtorch's fused kernel where its stable ABI is there, else a few flat tensor operations with the same result up to rounding.
/// </summary>
public sealed class FlatAdam : FlatOptimizer
{
    private readonly bool fused;
    private readonly bool decaysGradient;
    private readonly Tensor stepTensor;

    /// <summary>Makes an optimizer with zero moments.</summary>
    /// <param name="spec">Coefficients; its name says which of the two.</param>
    /// <param name="weights">Flat float32 weights; stay the caller's.</param>
    /// <param name="gradients">Flat float32 gradients; stay the caller's.</param>
    /// <param name="layout">Where the decayed part ends.</param>
    /// <param name="fused">Whether to use the fused kernel; null to use it where it is.</param>
    /// <param name="isFrozen">Parameters that are left as they are; null for none.</param>
    public FlatAdam(OptimizerSpec spec, Tensor weights, Tensor gradients, ParameterLayout layout, bool? fused = null, Func<TensorSlot, bool>? isFrozen = null)
        : base(spec, weights, gradients, layout, isFrozen)
    {
        this.fused = fused ?? TorchStable.IsAvailable;
        decaysGradient = spec.Name == "adam";
        stepTensor = zeros([], dtype: ScalarType.Float32, device: weights.device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        stepTensor.Dispose();
        base.Dispose();
    }

    private protected override void Update(double learningRate)
    {
        stepTensor.Fill(StepCount);
        foreach (var part in Parts)
        {
            var decay = part.Range.Decay ? Spec.WeightDecay : 0;
            if (decaysGradient && decay != 0)
            {
                part.Gradients.Add(part.Weights, decay);
                decay = 0;
            }

            if (fused)
                TorchStable.FusedAdamW(part.Weights, part.Gradients, part.First, part.Second, stepTensor, learningRate, Spec.Beta1, Spec.Beta2, decay, Spec.Epsilon);
            else
                Portable(part, learningRate, decay);
        }
    }

    private void Portable(Part part, double rate, double decay)
    {
        var firstCorrection = 1 - Math.Pow(Spec.Beta1, StepCount);
        var secondCorrection = 1 - Math.Pow(Spec.Beta2, StepCount);
        if (decay != 0)
            part.Weights.Scale(1 - (rate * decay));
        part.First.Scale(Spec.Beta1).Add(part.Gradients, 1 - Spec.Beta1);
        using Scalar share = Numbers.Of(1 - Spec.Beta2), factor = Numbers.Of(-rate / firstCorrection);
        part.Second.Scale(Spec.Beta2).addcmul_(part.Gradients, part.Gradients, share);
        var root = part.Second.sqrt().Divide(Math.Sqrt(secondCorrection)).Add(Spec.Epsilon);
        part.Weights.addcdiv_(part.First, root, factor);
    }
}
