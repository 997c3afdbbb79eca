using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// LAMB (You et al., "Large Batch Optimization for Deep Learning", ICLR 2020, algorithm 2): Adam's direction with decoupled weight decay, scaled for each
/// parameter tensor by its trust ratio, the norm of the tensor over the norm of its direction. The scaling function of the paper is the identity here; the ratio
/// is 1 where either norm is 0. Biases and LayerNorms have neither decay nor a trust ratio, as in the authors' implementation. Norms are added
/// up in a fixed order (<see cref="SquareSums"/>), so the ratios have the same bits on every rank.
/// </summary>
public sealed class FlatLamb : FlatOptimizer
{
    private readonly ParameterLayout layout;

    /// <inheritdoc cref="FlatOptimizer(OptimizerSpec, Tensor, Tensor, ParameterLayout, Func{TensorSlot, bool})"/>
    public FlatLamb(OptimizerSpec spec, Tensor weights, Tensor gradients, ParameterLayout layout, Func<TensorSlot, bool>? isFrozen = null)
        : base(spec, weights, gradients, layout, isFrozen) => this.layout = layout;

    private protected override void Update(double learningRate)
    {
        foreach (var part in Parts)
        {
            var direction = Direction(part);
            if (part.Range.Decay)
                Move(part, direction.Add(part.Weights, Spec.WeightDecay), learningRate);
            else
                part.Weights.Add(direction, -learningRate);
        }
    }

    /// <summary>Takes the gradients into the moments; their bias-corrected quotient.</summary>
    private Tensor Direction(Part part)
    {
        var firstCorrection = 1 - Math.Pow(Spec.Beta1, StepCount);
        var secondCorrection = 1 - Math.Pow(Spec.Beta2, StepCount);
        part.First.Scale(Spec.Beta1).Add(part.Gradients, 1 - Spec.Beta1);
        using var share = Numbers.Of(1 - Spec.Beta2);
        part.Second.Scale(Spec.Beta2).addcmul_(part.Gradients, part.Gradients, share);
        var root = part.Second.sqrt().Divide(Math.Sqrt(secondCorrection)).Add(Spec.Epsilon);
        return part.First.div(root).Divide(firstCorrection);
    }

    private void Move(Part part, Tensor direction, double rate)
    {
        Tensor[] Slices(Tensor flat) =>
        [
            .. layout.Slots.Where(s => s.Offset >= part.Range.Start && s.Offset < part.Range.End).Select(s => flat.narrow(0, s.Offset - part.Range.Start, s.Count)),
        ];
        Tensor[] weights = Slices(part.Weights), directions = Slices(direction);
        double[] weightSquares = SquareSums.Of(weights), directionSquares = SquareSums.Of(directions);
        for (var i = 0; i < weights.Length; i++)
        {
            var trust = weightSquares[i] > 0 && directionSquares[i] > 0 ? Math.Sqrt(weightSquares[i] / directionSquares[i]) : 1;
            weights[i].Add(directions[i], -rate * trust);
        }
    }
}
