using System.Threading.Channels;
using KaleidoDist.Protocol.V1;
using KaleidoDist.Training;

namespace KaleidoDist.Worker;

/// <summary>A rank's side of its pipe to the agent: reports go out as they come, orders wait until the training loop looks.</summary>
internal sealed class RankPort(RankKey key, MessagePipe<RankCommand, RankReport> pipe) : ITrainingPort
{
    private readonly Channel<CheckpointDecision> decisions = Channel.CreateUnbounded<CheckpointDecision>();
    private string phase = "starting";
    private volatile bool stopRequested;

    /// <inheritdoc/>
    public bool StopRequested => stopRequested;

    /// <summary>Notes that the rank shall stop at the next border.</summary>
    internal void RequestStop() => stopRequested = true;

    /// <summary>Takes in the answer to a proposal.</summary>
    internal void Decide(CheckpointDecision decision) => decisions.Writer.TryWrite(decision);

    /// <inheritdoc/>
    public void EnterPhase(string phase, long step)
    {
        // Phases within a step follow each other every few milliseconds: only those that last are sent at once.
        if (phase is "checkpoint" or "evaluation" or "forming" && phase != this.phase)
            pipe.TryWrite(new RankReport { Progress = Progress(phase, step) });
        this.phase = phase;
    }

    /// <inheritdoc/>
    public void ReportStep(long step, TimeSpan duration, StepMetrics? metrics)
    {
        var progress = Progress("training", step);
        progress.StepSeconds = duration.TotalSeconds;
        progress.Metrics = metrics;
        phase = "training";
        pipe.TryWrite(new RankReport { Progress = progress });
    }

    /// <inheritdoc/>
    public void ReportValidation(long step, IReadOnlyList<TaskMetric> metrics)
    {
        var progress = Progress("training", step);
        progress.Validation.AddRange(metrics);
        pipe.TryWrite(new RankReport { Progress = progress });
    }

    /// <inheritdoc/>
    public void Warn(string code, string text)
    {
        Log($"{code} {text}");
        pipe.TryWrite(new RankReport
        {
            Warning = new RankWarning { JobId = key.JobId, Generation = key.Generation, Rank = key.Rank, Code = code, Text = text },
        });
    }

    /// <inheritdoc/>
    public void Log(string line) => Console.Error.WriteLine(line);

    /// <inheritdoc/>
    public void Propose(CheckpointProposal proposal)
    {
        while (decisions.Reader.TryRead(out _))
        {
        }

        pipe.TryWrite(new RankReport { Checkpoint = proposal });
    }

    /// <inheritdoc/>
    public CheckpointDecision? AwaitDecision(TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit > TimeSpan.Zero ? limit : TimeSpan.Zero);
        try
        {
            return decisions.Reader.ReadAsync(timeout.Token).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private RankProgress Progress(string phase, long step)
        => new() { JobId = key.JobId, Generation = key.Generation, Rank = key.Rank, Step = step, Phase = phase };
}
