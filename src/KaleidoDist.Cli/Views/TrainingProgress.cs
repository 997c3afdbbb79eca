using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>What is known of a job that is watched: its newest snapshot and step, and the course of its losses.</summary>
internal sealed class TrainingProgress
{
    private readonly Dictionary<string, Trend> losses = PretrainTasks.Names.ToDictionary(n => n, _ => new Trend(), StringComparer.Ordinal);

    /// <summary>The newest snapshot; an empty one before the first.</summary>
    internal JobStatus Status { get; private set; } = new();

    /// <summary>The newest step, from the snapshots or the steps themselves; null before the first.</summary>
    internal StepMetrics? LastStep { get; private set; }

    /// <summary>The total loss over the run.</summary>
    internal Trend TotalLoss { get; } = new();

    /// <summary>The latest sentence about the watching itself; "" for none. A snapshot settles it.</summary>
    internal string Note { get; set; } = "";

    /// <summary>The loss of a task over the run; null for a task of another version.</summary>
    internal Trend? Loss(string task) => losses.GetValueOrDefault(task);

    /// <summary>Takes a snapshot.</summary>
    internal void Apply(JobStatus status)
    {
        Status = status;
        Note = "";
        if (status.LastStep is { } step && IsNewer(step))
            LastStep = step;
    }

    /// <summary>Takes a step.</summary>
    internal void Apply(StepMetrics metrics)
    {
        // A snapshot may be ahead of the steps, which are told from the beginning of the run.
        if (IsNewer(metrics))
            LastStep = metrics;
        TotalLoss.Add(metrics.TotalLoss);
        foreach (var task in metrics.Tasks)
            Loss(task.Task)?.Add(task.Loss);
    }

    private bool IsNewer(StepMetrics step)
        => LastStep is null || step.Generation > LastStep.Generation || (step.Generation == LastStep.Generation && (step.Step > LastStep.Step || step.Samples > LastStep.Samples));
}
