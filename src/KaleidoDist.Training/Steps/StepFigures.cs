using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>Where a step's time went on this rank.</summary>
/// <param name="Data">Waiting for samples.</param>
/// <param name="Compute">Forward and backward.</param>
/// <param name="Reduce">All-reduce, waiting for slower ranks included.</param>
/// <param name="Total">From the step's begin to the applied update.</param>
public readonly record struct StepTimes(TimeSpan Data, TimeSpan Compute, TimeSpan Reduce, TimeSpan Total)
{
    /// <summary>By rank, what this rank sent to it over TCP; empty where nothing was.</summary>
    public IReadOnlyList<LineTraffic> Sent { get => field ?? []; init; }
}

/// <summary>One applied step, reduced over all ranks.</summary>
/// <param name="Step">1-based.</param>
/// <param name="Sums">Losses, answers and requests of the whole global batch.</param>
/// <param name="Weights">What each task counted; 0 for those that are off.</param>
/// <param name="LearningRate">The rate it was applied with.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Applied">False when the gradient was not finite and the step changed nothing.</param>
/// <param name="Times">Where the time went on this rank.</param>
public sealed record StepFigures(long Step, TaskSums Sums, TaskWeights Weights, double LearningRate, double GradientNorm, bool Applied, StepTimes Times)
{
    /// <summary>The wire form.</summary>
    public StepMetrics ToProto(double epoch, long samples, long replacedSamples, long generation, int worldSize)
    {
        var metrics = new StepMetrics
        {
            Step = Step,
            Epoch = epoch,
            Samples = samples,
            TotalLoss = Sums.TotalLoss(Weights),
            LearningRate = LearningRate,
            GradientNorm = GradientNorm,
            StepSeconds = Times.Total.TotalSeconds,
            DataWaitSeconds = Times.Data.TotalSeconds,
            ComputeSeconds = Times.Compute.TotalSeconds,
            ReduceSeconds = Times.Reduce.TotalSeconds,
            Generation = generation,
            WorldSize = worldSize,
            ReplacedSamples = replacedSamples,
        };
        foreach (var task in Weights.Tasks)
            metrics.Tasks.Add(new TaskLoss { Task = PretrainTasks.Names[(int)task], Loss = Sums.Loss(task), Accuracy = Sums.Accuracy(task) });
        return metrics;
    }
}
