using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter, 2019; decay inside the rate-scaled update, KALEIDO-BERT section 4) over flat buffers: one call for
/// the decayed part of the layout and one for the rest (more where parameters are frozen), so no per-parameter work. Uses libtorch's fused kernel where its stable ABI
/// is there, else a few flat tensor operations with the same result up to rounding. State is two flat moments and a step count.
/// </summary>
public sealed class FlatAdamW : IDisposable
{
    private readonly OptimizerSpec spec;
    private readonly bool fused;
    private readonly Part[] parts;
    private readonly Tensor stepTensor;

    /// <summary>Makes an optimizer with zero moments.</summary>
    /// <param name="spec">Coefficients.</param>
    /// <param name="weights">Flat float32 weights; stay the caller's.</param>
    /// <param name="gradients">Flat float32 gradients; stay the caller's.</param>
    /// <param name="layout">Where the decayed part ends.</param>
    /// <param name="fused">Whether to use the fused kernel; null to use it where it is.</param>
    /// <param name="isFrozen">Parameters that are left as they are; null for none.</param>
    public FlatAdamW(OptimizerSpec spec, Tensor weights, Tensor gradients, ParameterLayout layout, bool? fused = null, Func<TensorSlot, bool>? isFrozen = null)
    {
        this.spec = spec;
        this.fused = fused ?? TorchStable.IsAvailable;
        FirstMoment = zeros_like(weights, requires_grad: false).DetachFromDisposeScope();
        SecondMoment = zeros_like(weights, requires_grad: false).DetachFromDisposeScope();
        stepTensor = zeros([], dtype: ScalarType.Float32, device: weights.device).DetachFromDisposeScope();
        Part Slice(long start, long length, double decay) => new(
            decay,
            weights.narrow(0, start, length).DetachFromDisposeScope(),
            gradients.narrow(0, start, length).DetachFromDisposeScope(),
            FirstMoment.narrow(0, start, length).DetachFromDisposeScope(),
            SecondMoment.narrow(0, start, length).DetachFromDisposeScope());
        parts = [.. TrainedRange.Of(layout, isFrozen ?? (_ => false)).Select(range => Slice(range.Start, range.Length, range.Decay ? spec.WeightDecay : 0))];
    }

    /// <summary>Running mean of gradients, flat float32.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>Running mean of squared gradients, flat float32.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Steps applied so far; set it, after the moments, when a checkpoint is loaded.</summary>
    public long StepCount { get; set; }

    /// <summary>Applies one step with the gradients that the buffer now holds.</summary>
    /// <param name="learningRate">Rate of this step.</param>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        StepCount++;
        stepTensor.fill_((float)StepCount);
        foreach (var part in parts)
        {
            if (fused)
                TorchStable.FusedAdamW(part.Weights, part.Gradients, part.First, part.Second, stepTensor, learningRate, spec.Beta1, spec.Beta2, part.Decay, spec.Epsilon);
            else
                Portable(part, learningRate);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in parts)
            part.Dispose();
        stepTensor.Dispose();
        FirstMoment.Dispose();
        SecondMoment.Dispose();
    }

    private void Portable(Part part, double rate)
    {
        var firstCorrection = 1 - Math.Pow(spec.Beta1, StepCount);
        var secondCorrection = 1 - Math.Pow(spec.Beta2, StepCount);
        if (part.Decay != 0)
            part.Weights.mul_(1 - (rate * part.Decay));
        part.First.mul_(spec.Beta1).add_(part.Gradients, alpha: 1 - spec.Beta1);
        part.Second.mul_(spec.Beta2).addcmul_(part.Gradients, part.Gradients, 1 - spec.Beta2);
        var root = part.Second.sqrt().div_(Math.Sqrt(secondCorrection)).add_(spec.Epsilon);
        part.Weights.addcdiv_(part.First, root, -rate / firstCorrection);
    }

    private sealed record Part(double Decay, Tensor Weights, Tensor Gradients, Tensor First, Tensor Second) : IDisposable
    {
        public void Dispose()
        {
            Weights.Dispose();
            Gradients.Dispose();
            First.Dispose();
            Second.Dispose();
        }
    }
}
