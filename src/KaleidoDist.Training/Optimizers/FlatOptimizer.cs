using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// An optimizer over flat buffers: the state of each is two flat moments and a step count, so checkpoints, copies to joiners and hashes are
/// the same for all of them. Frozen parameters and padding are never touched.
/// </summary>
public abstract class FlatOptimizer : IDisposable
{
    /// <summary>Makes an optimizer with zero moments.</summary>
    /// <param name="spec">Coefficients.</param>
    /// <param name="weights">Flat float32 weights; stay the caller's.</param>
    /// <param name="gradients">Flat float32 gradients; stay the caller's.</param>
    /// <param name="layout">Where the decayed part ends.</param>
    /// <param name="isFrozen">Parameters that are left as they are; null for none.</param>
    private protected FlatOptimizer(OptimizerSpec spec, Tensor weights, Tensor gradients, ParameterLayout layout, Func<TensorSlot, bool>? isFrozen)
    {
        Spec = spec;
        FirstMoment = zeros_like(weights, requires_grad: false).DetachFromDisposeScope();
        SecondMoment = zeros_like(weights, requires_grad: false).DetachFromDisposeScope();
        Part Slice(TrainedRange range) => new(
            range,
            weights.narrow(0, range.Start, range.Length).DetachFromDisposeScope(),
            gradients.narrow(0, range.Start, range.Length).DetachFromDisposeScope(),
            FirstMoment.narrow(0, range.Start, range.Length).DetachFromDisposeScope(),
            SecondMoment.narrow(0, range.Start, range.Length).DetachFromDisposeScope());
        Parts = [.. TrainedRange.Of(layout, isFrozen ?? (_ => false)).Select(Slice)];
    }

    /// <summary>Running mean of gradients, flat float32.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>Running mean of squared gradients, flat float32.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>Steps applied so far; set it, after the moments, when a checkpoint is loaded.</summary>
    public long StepCount { get; set; }

    /// <summary>Coefficients.</summary>
    private protected OptimizerSpec Spec { get; }

    /// <summary>The trained parts of the buffers: one with weight decay and one without, more where parameters are frozen.</summary>
    private protected IReadOnlyList<Part> Parts { get; }

    /// <summary>Makes the optimizer that a job asks for.</summary>
    /// <inheritdoc cref="FlatOptimizer(OptimizerSpec, Tensor, Tensor, ParameterLayout, Func{TensorSlot, bool})"/>
    public static FlatOptimizer Create(OptimizerSpec spec, Tensor weights, Tensor gradients, ParameterLayout layout, Func<TensorSlot, bool>? isFrozen = null) => spec.Name switch
    {
        "adam" or "adamw" => new FlatAdam(spec, weights, gradients, layout, isFrozen: isFrozen),
        "lamb" => new FlatLamb(spec, weights, gradients, layout, isFrozen),
        _ => throw KaleidoException.Usage($"The optimizer '{spec.Name}' is unknown; expected adamw, adam or lamb. Correct training.optimizer.name."),
    };

    /// <summary>Applies one step with the gradients that the buffer now holds; it may change them.</summary>
    /// <param name="learningRate">Rate of this step.</param>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        StepCount++;
        Update(learningRate);
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (var part in Parts)
            part.Dispose();
        FirstMoment.Dispose();
        SecondMoment.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The rule itself, in a dispose scope and without gradients; <see cref="StepCount"/> counts this step already.</summary>
    private protected abstract void Update(double learningRate);

    /// <summary>A trained part of the buffers.</summary>
    private protected sealed record Part(TrainedRange Range, Tensor Weights, Tensor Gradients, Tensor First, Tensor Second) : IDisposable
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
