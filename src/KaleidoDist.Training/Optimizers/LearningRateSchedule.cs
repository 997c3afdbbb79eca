using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// The learning rate of a step: warm-up to the peak, then linear decay to zero or none (KALEIDO-BERT section 4). Steps count
/// from 0 here, as the order of the data does; the formulas are applied at the middle of a step, s = step + 1/2, so that neither the
/// first step nor the last is wasted on a rate of zero.
/// </summary>
public sealed class LearningRateSchedule
{
    private readonly double peak;
    private readonly bool decays;
    private readonly long totalSteps;

    /// <summary>Makes the schedule of a job.</summary>
    /// <param name="schedule">Its shape.</param>
    /// <param name="peak">The rate without warm-up and decay.</param>
    /// <param name="totalSteps">Steps of the whole job, T.</param>
    public LearningRateSchedule(ScheduleSpec schedule, double peak, long totalSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(totalSteps);
        this.peak = peak;
        this.totalSteps = totalSteps;
        decays = schedule.Name switch
        {
            "linear" => true,
            "constant" => false,
            var name => throw KaleidoException.Usage($"The schedule '{name}' is unknown; expected linear or constant. Correct training.schedule.name."),
        };
        WarmupSteps = schedule.Warmup < 1 ? (long)(schedule.Warmup * totalSteps) : (long)schedule.Warmup;
    }

    /// <summary>Steps of warm-up, W; 0 for none.</summary>
    public long WarmupSteps { get; }

    /// <summary>base * (1 - s/T) * min(1, s/W): the decay runs from the start, warm-up multiplies it.</summary>
    /// <param name="step">0-based; at or past the last step the linear schedule gives 0.</param>
    public double RateAt(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var middle = step + 0.5;
        var decay = decays ? Math.Max(0, 1 - (middle / totalSteps)) : 1;
        var warmup = middle < WarmupSteps ? middle / WarmupSteps : 1;
        return peak * decay * warmup;
    }
}
