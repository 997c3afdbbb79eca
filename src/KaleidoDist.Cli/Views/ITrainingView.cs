using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>Shows a job while it trains. Fed by one caller at a time; disposing draws the last frame and gives the terminal back.</summary>
internal interface ITrainingView : IAsyncDisposable
{
    /// <summary>Takes a snapshot of the job; the latest wins.</summary>
    void Show(JobStatus status);

    /// <summary>Takes a step's metrics; steps ascend, but for those that a new generation does again.</summary>
    void Show(StepMetrics metrics);

    /// <summary>Takes a sentence about the watching itself, as a lost connection.</summary>
    void ShowNote(string text);
}

/// <summary>Chooses how a job is shown.</summary>
internal static class TrainingViews
{
    /// <summary>JSON lines when asked for, a live display on a terminal that can redraw, else plain lines.</summary>
    internal static ITrainingView Create(IAnsiConsole console, bool json, TimeProvider time)
    {
        if (json)
            return new JsonTrainingView(console.Profile.Out.Writer, time);
        return console.Profile is { Out.IsTerminal: true, Capabilities: { Ansi: true, Interactive: true } }
            ? new LiveTrainingView(console, time)
            : new PlainTrainingView(console.Profile.Out.Writer, time);
    }
}
