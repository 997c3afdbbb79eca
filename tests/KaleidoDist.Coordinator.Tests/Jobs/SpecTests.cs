using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

public sealed class SpecTests
{
    private static readonly JobState Before = JobMachine.Create("job", JobSamples.Submit(), JobSamples.Noon).State;

    [Fact]
    public void StepsWorkersAndCheckpointTimesMayChange()
    {
        var spec = JobSamples.Spec(min: 2, max: 3, steps: 99) with { Evaluation = new EvaluationSpec { Every = 7 } };
        Assert.Empty(SpecCompatibility.Conflicts(Before, JobSamples.Submit(spec)));
    }

    [Fact]
    public void WhatAStepComputesMayNotChangeAndEveryDifferenceIsNamed()
    {
        var spec = JobSamples.Spec() with { Seed = 7 };
        spec = spec with { Training = spec.Training with { Optimizer = spec.Training.Optimizer with { LearningRate = 0.5 } } };
        var submit = JobSamples.Submit(spec) with { Datasets = new JobDatasets("other", "other", null) };
        var conflicts = SpecCompatibility.Conflicts(Before, submit);
        Assert.Equal(
            [
                "'seed' is 7; the run '/runs/one' was started with 42. Restore it, or name another checkpoint.uri",
                "'training.optimizer.learning_rate' is 0.5; the run '/runs/one' was started with 0.0001. Restore it, or name another checkpoint.uri",
            ],
            conflicts.Take(2));
        Assert.StartsWith("'data.train' has other files", Assert.Single(conflicts.Skip(2)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1000, 32, 8, 1, 32)] // ceil(ceil(1000 / 8) / 4) = ceil(125 / 4)
    [InlineData(1001, 32, 8, 1, 32)] // ceil(126 / 4)
    [InlineData(1024, 32, 8, 3, 96)]
    [InlineData(1, 8, 8, 2, 2)]
    public void EpochsAreCountedInStepsOfTheLongestSlice(long rows, int globalBatch, int virtualRanks, int epochs, long steps)
    {
        var spec = JobSamples.Spec();
        spec = spec with { Training = spec.Training with { GlobalBatchSize = globalBatch, VirtualRanks = virtualRanks, Steps = null, Epochs = epochs } };
        Assert.Equal(steps, TrainingExtent.Of(spec, rows).TotalSteps);
    }

    [Fact]
    public void TheShortLastStepOfAnEpochCountsTruly()
    {
        var spec = JobSamples.Spec();
        var extent = TrainingExtent.Of(spec, 1000);
        Assert.Equal([32, 992, 1000, 1032], new long[] { 1, 31, 32, 33 }.Select(s => extent.SamplesAt(s, spec)));
    }
}
