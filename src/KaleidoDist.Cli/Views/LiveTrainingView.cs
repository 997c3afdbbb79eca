using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>A picture on the terminal that is drawn anew a few times a second.</summary>
internal sealed class LiveTrainingView : ITrainingView
{
    /// <summary>Time between two pictures.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly IAnsiConsole console;
    private readonly TimeProvider time;
    private readonly TrainingProgress progress = new();
    private readonly Lock gate = new();
    private readonly CancellationTokenSource ended = new();
    private readonly Task drawing;

    /// <summary>Takes the terminal and begins to draw.</summary>
    internal LiveTrainingView(IAnsiConsole console, TimeProvider time)
    {
        (this.console, this.time) = (console, time);
        drawing = console.Live(Text.Empty).Overflow(VerticalOverflow.Ellipsis).StartAsync(Draw);
    }

    /// <inheritdoc/>
    public void Show(JobStatus status)
    {
        lock (gate)
            progress.Apply(status);
    }

    /// <inheritdoc/>
    public void Show(StepMetrics metrics)
    {
        lock (gate)
            progress.Apply(metrics);
    }

    /// <inheritdoc/>
    public void ShowNote(string text)
    {
        lock (gate)
            progress.Note = text;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        await drawing;
        ended.Dispose();
    }

    private async Task Draw(LiveDisplayContext live)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended.Token))
                Refresh(live);
        }
        catch (OperationCanceledException)
        {
            // The last picture is the final one.
            Refresh(live);
        }
    }

    private void Refresh(LiveDisplayContext live)
    {
        lock (gate)
            live.UpdateTarget(LiveFrame.Build(progress, time.GetUtcNow(), time.LocalTimeZone, console.Profile.Width));
    }
}
