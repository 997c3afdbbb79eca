using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Coordinator;

/// <summary>How long a job is: its steps, and what a step number means in epochs and samples.</summary>
/// <param name="RowCount">Rows of the training set, N; at least 1.</param>
/// <param name="TotalSteps">Optimizer steps of the job.</param>
internal sealed record TrainingExtent(long RowCount, long TotalSteps)
{
    /// <summary>The extent of a job over its data: optimizer steps; of an extraction the row groups.</summary>
    public static TrainingExtent Of(JobSpec spec, DatasetManifest train)
        => spec.Extract is null ? Of(spec, train.RowCount) : new TrainingExtent(train.RowCount, train.Files.Sum(file => file.RowGroups.Sum(run => run.Count)));

    /// <summary>The extent of a training over <paramref name="rowCount"/> rows: its steps as given, or its epochs times ceil(ceil(N / V) / (G / V)).</summary>
    public static TrainingExtent Of(JobSpec spec, long rowCount)
        => new(rowCount, spec.Training.Steps ?? checked(spec.Training.Epochs!.Value * PlanShape.Of(spec).StepCount(rowCount)));

    /// <summary>Passes over the data after <paramref name="step"/> steps, with a fraction.</summary>
    public double EpochAt(long step, JobSpec spec) => (double)step / (spec.Extract is null ? PlanShape.Of(spec).StepCount(RowCount) : TotalSteps);

    /// <summary>Samples consumed after <paramref name="step"/> steps; of an extraction as if all row groups had as many rows.</summary>
    public long SamplesAt(long step, JobSpec spec)
        => spec.Extract is null ? TrainingPosition.Of(step, RowCount, PlanShape.Of(spec)).SampleCount : (long)((Int128)RowCount * step / TotalSteps);
}
