using System.Globalization;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>
/// Lines for logs and pipes: every change of state, and a step's metrics every few seconds. A line begins with the local time at which what it tells
/// happened, not that of the watching; with its date, where that is not today.
/// </summary>
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
        List<ProgressLine> changes = [.. ProgressLines.Changes(this.status, status)];
        if (JobStates.IsSettled(status.State))
            WriteStep();
        this.status = status;
        foreach (var (at, text) in changes)
            Write(text, at);
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

    private void Write(string line, DateTimeOffset? happenedAt = null)
    {
        var now = time.GetLocalNow();
        var at = happenedAt is { } then ? TimeZoneInfo.ConvertTime(then, time.LocalTimeZone) : now;
        output.WriteLine($"{at.ToString(at.Date == now.Date ? "HH:mm:ss" : "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} {line}");
        output.Flush();
    }
}
