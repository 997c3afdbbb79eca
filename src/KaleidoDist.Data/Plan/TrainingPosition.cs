namespace KaleidoDist.Data;

/// <summary>How far a training run is: what a step number means in epochs and samples. Position <c>s</c> is before step <c>s</c>.</summary>
/// <param name="Step">Steps done, over all epochs.</param>
/// <param name="Epoch">The epoch of the next step, from 0.</param>
/// <param name="StepInEpoch">Steps done in that epoch.</param>
/// <param name="SampleCount">Samples consumed by all steps done.</param>
public readonly record struct TrainingPosition(long Step, long Epoch, long StepInEpoch, long SampleCount)
{
    /// <summary>The position before step <paramref name="step"/>.</summary>
    /// <param name="step">Global step, from 0.</param>
    /// <param name="rowCount">Rows of the data set.</param>
    /// <param name="shape">V, G and k.</param>
    public static TrainingPosition Of(long step, long rowCount, PlanShape shape)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowCount);
        var (epoch, stepInEpoch) = Math.DivRem(step, shape.StepCount(rowCount));
        return new TrainingPosition(step, epoch, stepInEpoch, epoch * rowCount + shape.SamplesBefore(stepInEpoch, rowCount));
    }

    /// <summary>The global step of a step of an epoch.</summary>
    public static long StepOf(long epoch, long stepInEpoch, long rowCount, PlanShape shape) => epoch * shape.StepCount(rowCount) + stepInEpoch;
}
