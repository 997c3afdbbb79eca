using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using TorchSharp;

namespace KaleidoDist.Training;

/// <summary>
/// Writes a run's metrics where people look for them: <c>metrics.jsonl</c> and TensorBoard events in the run folder. A folder that
/// cannot be written to is warned of once; training goes on.
/// </summary>
internal sealed class RunRecorder : IDisposable
{
    private readonly ITrainingPort port;
    private RunJournal? journal;
    private TorchSharp.Modules.SummaryWriter? events;

    /// <summary>Opens the journals; what they hold beyond <paramref name="step"/> was rolled back and is cut off.</summary>
    internal RunRecorder(string runDirectory, long step, ITrainingPort port)
    {
        this.port = port;
        Guard(() =>
        {
            Directory.CreateDirectory(runDirectory);
            journal = RunJournal.Open(runDirectory);
            // A run that starts over evaluates the untrained model again.
            journal.TruncateAfter(step == 0 ? -1 : step);
            events = torch.utils.tensorboard.SummaryWriter(Path.Combine(runDirectory, "tensorboard"), createRunName: false);
        });
    }

    /// <summary>The newest step that is recorded; 0 for none.</summary>
    internal long LastStep => journal?.LastStep ?? 0;

    /// <summary>Steps that were applied before the newest recorded evaluation; -1 for none.</summary>
    internal long LastValidation => journal?.LastValidation ?? -1;

    /// <summary>Records an applied step.</summary>
    internal void Record(StepMetrics metrics) => Guard(() =>
    {
        journal?.Append(metrics);
        var step = (int)metrics.Step;
        events?.add_scalar("train/total_loss", (float)metrics.TotalLoss, step);
        foreach (var task in metrics.Tasks)
        {
            events?.add_scalar($"train/{task.Task}/loss", (float)task.Loss, step);
            if (task.Accuracy >= 0)
                events?.add_scalar($"train/{task.Task}/accuracy", (float)task.Accuracy, step);
        }

        events?.add_scalar("train/learning_rate", (float)metrics.LearningRate, step);
        events?.add_scalar("train/gradient_norm", (float)metrics.GradientNorm, step);
        events?.add_scalar("time/step_seconds", (float)metrics.StepSeconds, step);
    });

    /// <summary>Records validation results.</summary>
    internal void Record(IReadOnlyList<TaskMetric> validation, long step) => Guard(() =>
    {
        journal?.AppendValidation(step, validation);
        foreach (var metric in validation)
            events?.add_scalar($"validation/{metric.Task}/{metric.Metric}", (float)metric.Value, (int)step);
    });

    /// <inheritdoc/>
    public void Dispose() => journal?.Dispose();

    private void Guard(Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            journal?.Dispose();
            (journal, events) = (null, null);
            port.Warn("KD-S105", $"The run's metrics cannot be written any more ({error.Message}); training goes on without them. Free space or mend the folder; a resumed run writes them again.");
        }
    }
}
