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
    /// <summary>Phase of a rank whose generation broke, or that has none yet.</summary>
    private const string WaitingPhase = "waiting";

    /// <summary>A registration.</summary>
    public static WorkerHello Hello(Wire.Register register) => new(
        register.Host,
        register.Slots,
        register.Version,
        [.. register.Running.GroupBy(r => r.JobId).Select(job => new JobSeats(job.Key, [.. job.Select(Seat)]))]);

    /// <summary>A report about a rank; null for messages that are none.</summary>
    /// <param name="message">The message.</param>
    /// <param name="workerId">The worker that sent it.</param>
    /// <param name="incarnation">Its process.</param>
    public static WorkerReport? Read(Wire.WorkerMessage message, string workerId, string incarnation) => message.KindCase switch
    {
        Wire.WorkerMessage.KindOneofCase.RankReady => Read(message.RankReady, workerId, incarnation),
        Wire.WorkerMessage.KindOneofCase.RankFormed => Read(message.RankFormed, workerId),
        Wire.WorkerMessage.KindOneofCase.RankInterrupted => Read(message.RankInterrupted, workerId),
        Wire.WorkerMessage.KindOneofCase.RankSilent => Read(message.RankSilent, workerId),
        Wire.WorkerMessage.KindOneofCase.RankCaughtUp => Read(message.RankCaughtUp, workerId),
        Wire.WorkerMessage.KindOneofCase.RankProgress => Read(message.RankProgress, workerId),
        Wire.WorkerMessage.KindOneofCase.RankExited => Read(message.RankExited, workerId),
        Wire.WorkerMessage.KindOneofCase.RankFinished => Read(message.RankFinished, workerId),
        Wire.WorkerMessage.KindOneofCase.RankWarning => Read(message.RankWarning, workerId),
        Wire.WorkerMessage.KindOneofCase.CheckpointWritten => Read(message.CheckpointWritten, workerId),
        _ => null,
    };

    private static WorkerReport Read(Wire.RankReady ready, string workerId, string incarnation) => new(
        ready.JobId,
        new JobCommand.RankReady(
            ready.Member, workerId, ready.Endpoint, ready.ProcessId, incarnation,
            [.. ready.Environment.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => new EnvironmentItem(e.Key, e.Value))]) { AwaitsDonor = ready.AwaitsDonor });

    private static WorkerReport Read(Wire.RankFormed formed, string workerId)
        => new(formed.JobId, new JobCommand.RankFormed(formed.Generation, formed.Member, workerId, formed.Step));

    private static WorkerReport Read(Wire.RankInterrupted interrupted, string workerId) => new(
        interrupted.JobId,
        new JobCommand.RankInterrupted(
            interrupted.Generation, interrupted.Member, workerId, interrupted.Step, interrupted.LostPeer,
            interrupted.Cause.Length > 0 ? interrupted.Cause : interrupted.TimedOut ? "a peer was silent for too long" : "a connection broke") { Unreachable = [.. interrupted.UnreachablePeers] });

    private static WorkerReport Read(Wire.RankSilent silent, string workerId)
        => new(silent.JobId, new JobCommand.RankSilent(silent.Member, workerId, new RankPlace(silent.Phase, silent.Step), TimeSpan.FromSeconds(silent.SilentSeconds), silent.Stopped));

    private static WorkerReport Read(Wire.RankCaughtUp caughtUp, string workerId)
        => new(caughtUp.JobId, new JobCommand.RankCaughtUp(caughtUp.Member, workerId, caughtUp.Step));

    private static WorkerReport Read(Wire.RankProgress progress, string workerId)
        => new(progress.JobId, new JobCommand.RankProgressed(progress.Generation, progress.Member, workerId, progress.Step));

    private static WorkerReport Read(Wire.RankFinished finished, string workerId)
        => new(finished.JobId, new JobCommand.RankFinished(finished.Member, workerId, Ending(finished.Outcome), finished.Step, finished.EarlyEnd));

    private static WorkerReport Read(Wire.RankWarning warning, string workerId)
        => new(warning.JobId, new JobCommand.RankWarned(warning.Member, workerId, warning.Code, warning.Text));

    private static WorkerReport Read(Wire.RankExited exited, string workerId)
    {
        var at = new RankPlace(exited.Phase, exited.Step);
        var how = exited switch
        {
            { Error.Length: > 0 } => $"failed: {exited.Error}",
            { Signal.Length: > 0 } => $"was killed by {exited.Signal}{at}",
            _ => $"exited with code {exited.ExitCode}{at}",
        };
        return new(exited.JobId, new JobCommand.RankExited(exited.Member, workerId, Ending(exited.Outcome), how, exited.Fatal, at));
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
            [.. proposal.Files.Select(f => new DraftFile(f.Name, f.Bytes, f.Xxh128, f.Tensors, f.ChunksXxh3, f.Sha256))],
            proposal.WeightsXxh128,
            proposal.Kind,
            [.. proposal.Metrics.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => new DraftMetric(m.Key, m.Value))])
        {
            Shard = proposal.Shard,
            ShardCount = proposal.ShardCount,
            ReplicaHash = proposal.ReplicaHash,
            Error = proposal.Error,
        };
        return new WorkerReport(written.JobId, new JobCommand.CheckpointProposed(proposal.Generation, written.Member, workerId, draft));
    }

    private static RunningSeat Seat(Wire.RunningRank running)
        => new(running.Member, running.Generation, running.Endpoint, running.Phase == WaitingPhase, running.ProcessId, running.Step);

    private static RankEnding Ending(Wire.RankOutcome outcome) => outcome switch
    {
        Wire.RankOutcome.Completed => RankEnding.Completed,
        Wire.RankOutcome.Stopped => RankEnding.Stopped,
        Wire.RankOutcome.Left => RankEnding.Left,
        _ => RankEnding.None,
    };
}
