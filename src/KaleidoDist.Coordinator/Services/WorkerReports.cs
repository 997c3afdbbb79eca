using System.Collections.Immutable;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>A message from a worker as a command to a job.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Command">What happened.</param>
internal readonly record struct WorkerReport(string JobId, JobCommand Command);

/// <summary>Messages from workers as commands.</summary>
internal static class WorkerReports
{
    /// <summary>A registration.</summary>
    public static WorkerHello Hello(Wire.Register register) => new(
        register.Host,
        register.Slots,
        register.Version,
        [.. register.Running.GroupBy(r => r.JobId).Select(job => new JobSeats(job.Key, [.. job.Select(Seat)]))]);

    /// <summary>A report about a rank; null for messages that are none.</summary>
    public static WorkerReport? Read(Wire.WorkerMessage message, string workerId) => message.KindCase switch
    {
        Wire.WorkerMessage.KindOneofCase.RankReady => Read(message.RankReady, workerId),
        Wire.WorkerMessage.KindOneofCase.RankProgress => Read(message.RankProgress, workerId),
        Wire.WorkerMessage.KindOneofCase.RankExited => Read(message.RankExited, workerId),
        Wire.WorkerMessage.KindOneofCase.RankFinished => Read(message.RankFinished, workerId),
        Wire.WorkerMessage.KindOneofCase.RankWarning => Read(message.RankWarning, workerId),
        Wire.WorkerMessage.KindOneofCase.CheckpointWritten => Read(message.CheckpointWritten, workerId),
        _ => null,
    };

    private static WorkerReport Read(Wire.RankReady ready, string workerId)
        => new(ready.JobId, new JobCommand.RankReady(ready.Generation, ready.Rank, workerId, ready.Endpoint, ready.ProcessId));

    private static WorkerReport Read(Wire.RankProgress progress, string workerId)
        => new(progress.JobId, new JobCommand.RankProgressed(progress.Generation, progress.Rank, workerId, progress.Step));

    private static WorkerReport Read(Wire.RankFinished finished, string workerId)
        => new(finished.JobId, new JobCommand.RankFinished(finished.Generation, finished.Rank, workerId, Ending(finished.Outcome), finished.Step));

    private static WorkerReport Read(Wire.RankWarning warning, string workerId)
        => new(warning.JobId, new JobCommand.RankWarned(warning.Generation, warning.Rank, workerId, warning.Code, warning.Text));

    private static WorkerReport Read(Wire.RankExited exited, string workerId)
    {
        var how = exited switch
        {
            { Error.Length: > 0 } => $"failed: {exited.Error}",
            { Signal.Length: > 0 } => $"was killed by {exited.Signal}",
            _ => $"exited with code {exited.ExitCode}",
        };
        return new(exited.JobId, new JobCommand.RankExited(exited.Generation, exited.Rank, workerId, Ending(exited.Outcome), how, exited.Fatal));
    }

    private static WorkerReport? Read(Wire.CheckpointWritten written, string workerId)
    {
        if (written.Proposal is not { } proposal)
            return null;
        var draft = new CheckpointDraft(
            proposal.Step,
            proposal.Epoch,
            proposal.StepInEpoch,
            proposal.Samples,
            proposal.Attempt,
            proposal.Directory,
            [.. proposal.Files.Select(f => new DraftFile(f.Name, f.Bytes, f.Xxh128, f.Tensors))],
            proposal.WeightsXxh128,
            proposal.Kind,
            [.. proposal.Metrics.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => new DraftMetric(m.Key, m.Value))]);
        return new WorkerReport(written.JobId, new JobCommand.CheckpointProposed(written.Generation, written.Rank, workerId, draft));
    }

    private static RunningSeat Seat(Wire.RunningRank running)
        => new(running.Generation, running.Rank, running.Endpoint, running.Phase is not ("" or "starting"), running.ProcessId);

    private static RankEnding Ending(Wire.RankOutcome outcome) => outcome switch
    {
        Wire.RankOutcome.Completed => RankEnding.Completed,
        Wire.RankOutcome.Stopped => RankEnding.Stopped,
        _ => RankEnding.None,
    };
}
