using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// The learning rate of a step: warm-up to the peak, times a decay: linear to zero, polynomial to an end rate, or none (KALEIDO-BERT section 4). Steps count
/// from 0 here, as the order of the data does; the formulas are applied at the middle of a step, s = step + 1/2, so that neither the
/// first step nor the last is wasted on a rate of zero.
/// </summary>
public sealed class LearningRateSchedule
{
    private readonly Func<double, double> rateOfShareLeft;
    private readonly long totalSteps;

    /// <summary>Makes the schedule of a job.</summary>
    /// <param name="schedule">Its shape.</param>
    /// <param name="peak">The rate without warm-up and decay.</param>
    /// <param name="totalSteps">Steps of the whole job, T.</param>
    public LearningRateSchedule(ScheduleSpec schedule, double peak, long totalSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(totalSteps);
        this.totalSteps = totalSteps;
        rateOfShareLeft = schedule.Name switch
        {
            "linear" => left => peak * left,
            "constant" => _ => peak,
            // To single precision: powers differ in the last bit between processors, weights must not.
            "polynomial" => left => (float)(((peak - schedule.EndLearningRate) * Math.Pow(left, schedule.Power)) + schedule.EndLearningRate),
            var name => throw KaleidoException.Usage($"The schedule '{name}' is unknown; expected linear, constant or polynomial. Correct training.schedule.name."),
        };
        WarmupSteps = schedule.Warmup < 1 ? (long)(schedule.Warmup * totalSteps) : (long)schedule.Warmup;
    }

    /// <summary>Steps of warm-up, W; 0 for none.</summary>
    public long WarmupSteps { get; }

    /// <summary>
    /// With l = 1 - s/T, the share that is left: base * l (linear), (base - end) * l^power + end (polynomial) or base (constant), times min(1, s/W): the
    /// decay runs from the start, warm-up multiplies it.
    /// </summary>
    /// <param name="step">0-based; at or past the last step linear gives 0 and polynomial the end rate.</param>
    public double RateAt(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        var middle = step + 0.5;
        var rate = rateOfShareLeft(Math.Max(0, 1 - (middle / totalSteps)));
        var warmup = middle < WarmupSteps ? middle / WarmupSteps : 1;
        return rate * warmup;
    }
}
