using System.Globalization;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>Lines for logs and pipes: every change of state, and a step's metrics every few seconds.</summary>
internal sealed class PlainTrainingView(TextWriter output, TimeProvider time) : ITrainingView
{
    /// <summary>Time between two lines about steps.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private JobStatus? status;
    private StepMetrics? unwritten;
    private long? lastWrittenAt;

    /// <inheritdoc/>
    public void Show(JobStatus status)
    {
        List<string> changes = [.. ProgressLines.Changes(this.status, status)];
        if (JobStates.IsSettled(status.State))
            WriteStep();
        this.status = status;
        changes.ForEach(Write);
    }

    /// <inheritdoc/>
    public void Show(StepMetrics metrics)
    {
        unwritten = metrics;
        if (lastWrittenAt is not { } last || time.GetElapsedTime(last) >= Interval)
            WriteStep();
    }

    /// <inheritdoc/>
    public void ShowNote(string text) => Write(text);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        WriteStep();
        output.Flush();
        return ValueTask.CompletedTask;
    }

    private void WriteStep()
    {
        if (unwritten is null)
            return;
        Write(ProgressLines.Step(unwritten, status ?? new JobStatus()));
        lastWrittenAt = time.GetTimestamp();
        unwritten = null;
    }

    private void Write(string line)
    {
        output.WriteLine($"{time.GetLocalNow().ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {line}");
        output.Flush();
    }
}
