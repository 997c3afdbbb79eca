using KaleidoDist.Contracts;
using TorchSharp;

namespace KaleidoDist.Training;

/// <summary>
/// The second half of a step: reduced gradient and figures to new weights. A function of the replica, the reduced bytes and the step's number
/// alone, so every rank that has them comes to the same bits: in the step itself, later as a laggard, or as a joiner that follows.
/// </summary>
internal sealed class StepUpdate(JobSpec spec, long totalSteps)
{
    private readonly LearningRateSchedule schedule = new(spec.Training.Schedule, spec.Training.Optimizer.LearningRate, totalSteps);

    /// <summary>Applies step <paramref name="step"/>: mean, clip, optimizer. A gradient that is not finite changes no weight.</summary>
    /// <param name="state">Its flat gradients hold the reduced sum.</param>
    /// <param name="step">1-based; the one after the state's.</param>
    /// <param name="sums">The step's reduced figures.</param>
    /// <param name="times">Where the time before the update went.</param>
    internal StepFigures Apply(ReplicaState state, long step, TaskSums sums, StepTimes times = default)
    {
        if (step != state.Step + 1)
            throw new InvalidOperationException($"Step {step} cannot be applied to a replica at step {state.Step}.");
        using var noGradients = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var weights = LossWeights.Of(spec.Training, state.History);
        var rate = schedule.RateAt(step - 1);
        state.Parameters.Gradients.Scale(1.0 / sums.SampleCount);
        state.DropFrozenGradients();
        var norm = GradientClip.Apply(state.Parameters.Gradients, state.Parameters.Layout, spec.Training.Optimizer.ClipNorm);
        var applied = double.IsFinite(norm);
        state.Checkpoints.AwaitSnapshot(); // nothing before this changed what is being copied
        if (applied)
            state.Optimizer.Step(rate);
        state.Step = step;
        state.ReducedStep = 0;
        state.Counters = state.Counters with
        {
            NonFiniteInARow = applied ? 0 : state.Counters.NonFiniteInARow + 1,
            ReplacedSamples = state.Counters.ReplacedSamples + sums.ReplacedCount,
        };
        if (applied)
            state.History = state.History with { Losses = [.. Enum.GetValues<PretrainTask>().Select(sums.Loss)] };
        state.LastApplied = new StepFigures(step, sums, weights, rate, norm, applied, times);
        return state.LastApplied;
    }
}
