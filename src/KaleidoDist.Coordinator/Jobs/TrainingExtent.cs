using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Coordinator;

/// <summary>How long a job is: its steps, and what a step number means in epochs and samples.</summary>
/// <param name="RowCount">Rows of the training set, N; at least 1.</param>
/// <param name="TotalSteps">Optimizer steps of the job.</param>
internal sealed record TrainingExtent(long RowCount, long TotalSteps)
{
    /// <summary>The extent of a job over <paramref name="rowCount"/> rows: its steps as given, or its epochs times ceil(ceil(N / V) / (G / V)).</summary>
    public static TrainingExtent Of(JobSpec spec, long rowCount)
        => new(rowCount, spec.Training.Steps ?? checked(spec.Training.Epochs!.Value * PlanShape.Of(spec).StepCount(rowCount)));

    /// <summary>Passes over the data after <paramref name="step"/> steps, with a fraction.</summary>
    public double EpochAt(long step, JobSpec spec) => (double)step / PlanShape.Of(spec).StepCount(RowCount);

    /// <summary>Samples consumed after <paramref name="step"/> steps.</summary>
    public long SamplesAt(long step, JobSpec spec) => TrainingPosition.Of(step, RowCount, PlanShape.Of(spec)).SampleCount;
}
