using KaleidoDist.Contracts;
using Google.Protobuf.WellKnownTypes;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>A job as the wire shows it.</summary>
internal static class JobStatusView
{
    /// <summary>Builds a status.</summary>
    /// <param name="state">The stored state.</param>
    /// <param name="live">What its ranks last reported.</param>
    /// <param name="recent">Newest steps, for the rate.</param>
    /// <param name="lastStep">The newest step; null before the first.</param>
    /// <param name="validation">Newest validation results.</param>
    public static Wire.JobStatus Build(
        JobState state, IReadOnlyDictionary<long, LiveRank> live, IReadOnlyList<Wire.StepMetrics> recent, Wire.StepMetrics? lastStep, IEnumerable<Wire.TaskMetric> validation)
    {
        var stepSeconds = recent.Count == 0 ? 0 : recent.Average(m => m.StepSeconds);
        var trains = state.Phase == JobPhase.Running && stepSeconds > 0;
        var status = new Wire.JobStatus
        {
            JobId = state.JobId,
            Name = state.Spec.Name,
            State = WireState(state.Phase),
            Reason = state.Reason,
            Revision = state.Revision,
            Generation = state.Generation,
            WorldSize = state.Seats.Length,
            SubmittedAt = Timestamp.FromDateTimeOffset(state.SubmittedAt),
            StartedAt = Time(state.StartedAt),
            FinishedAt = Time(state.FinishedAt),
            Step = state.Step,
            TotalSteps = state.Extent.TotalSteps,
            Epoch = state.Extent.EpochAt(state.Step, state.Spec),
            Samples = state.Extent.SamplesAt(state.Step, state.Spec),
            SamplesPerSecond = trains ? state.Spec.Training.GlobalBatchSize / stepSeconds : 0,
            EtaSeconds = trains ? (state.Extent.TotalSteps - state.Step) * stepSeconds : 0,
            Task = state.IsExtraction ? "extract" : "pretrain",
            LastStep = lastStep,
            RunDirectory = state.RunDirectory,
            Restarts = state.Restarts,
            Regroups = state.Regroups,
            SkippedSaves = state.SkippedSaves,
        };
        if (state.IsExtraction)
            ShowRows(status, state, lastStep);
        status.Ranks.AddRange(state.Seats.Select(s => Rank(state, s, live.GetValueOrDefault(s.Member))));
        status.Ranks.AddRange(state.Joiners.Select(j => Joiner(j, live.GetValueOrDefault(j.Member))));
        status.Checkpoints.AddRange(state.Checkpoints.Select(c => Checkpoint(c, state.Checks.FirstOrDefault(k => k.Seq == c.Seq))));
        status.Events.AddRange(state.Notes.Select(n => new Wire.JobEvent { At = Timestamp.FromDateTimeOffset(n.At), Code = n.Code, Text = n.Text }));
        status.Validation.AddRange(validation);
        return status;
    }

    /// <summary>An extraction counts in rows: a row group may take an hour.</summary>
    private static void ShowRows(Wire.JobStatus status, JobState state, Wire.StepMetrics? last)
    {
        if (last is not null && state.Step < state.Extent.TotalSteps)
            status.Samples = last.Samples;
        status.SamplesPerSecond = state.Phase == JobPhase.Running && last is not null ? last.SamplesPerSecond : 0;
        status.EtaSeconds = status.SamplesPerSecond > 0 ? (state.Extent.RowCount - status.Samples) / status.SamplesPerSecond : 0;
    }

    private static Wire.RankStatus Rank(JobState state, RankSeat seat, LiveRank live)
    {
        var range = VirtualRankRange.Of(seat.Rank, state.Seats.Length, state.Spec.Training.VirtualRanks);
        return new Wire.RankStatus
        {
            Rank = seat.Rank,
            WorkerId = seat.WorkerId,
            Phase = seat switch { { IsLive: false } => "gone", { Life: RankLife.Starting } => "starting", _ => live.Phase ?? "" },
            Step = live.Step,
            StepSeconds = live.StepSeconds,
            FirstVirtualRank = range.First,
            VirtualRankCount = range.Count,
            ProcessId = seat.ProcessId != 0 ? seat.ProcessId : live.ProcessId,
            Member = seat.Member,
            RefusedConnections = live.RefusedConnections,
        };
    }

    private static Wire.RankStatus Joiner(RankSeat seat, LiveRank live) => new()
    {
        Rank = seat.Rank,
        WorkerId = seat.WorkerId,
        Phase = seat.Life switch { RankLife.Starting => "starting", RankLife.Copying => "copying", RankLife.CaughtUp => "caught up", _ => "ready" },
        Step = live.Step,
        ProcessId = seat.ProcessId != 0 ? seat.ProcessId : live.ProcessId,
        Member = seat.Member,
        Joining = true,
    };

    private static Wire.CheckpointInfo Checkpoint(CheckpointEntry entry, CheckpointCheck? check) => new()
    {
        Seq = entry.Seq,
        Step = entry.Step,
        Epoch = entry.Epoch,
        Samples = entry.Samples,
        WorldSize = entry.WorldSize,
        Generation = entry.Generation,
        Bytes = entry.Bytes,
        WeightsXxh128 = entry.WeightsXxh128,
        CreatedAt = Timestamp.FromDateTimeOffset(entry.CreatedAt),
        Kind = entry.Kind,
        CheckedAt = Time(check?.At),
        Damage = check?.Problem?.Text ?? "",
    };

    private static Timestamp? Time(DateTimeOffset? at) => at is { } time ? Timestamp.FromDateTimeOffset(time) : null;

    private static Wire.JobState WireState(JobPhase phase) => phase switch
    {
        JobPhase.Queued => Wire.JobState.Queued,
        JobPhase.Starting => Wire.JobState.Starting,
        JobPhase.Running => Wire.JobState.Running,
        JobPhase.Recovering => Wire.JobState.Recovering,
        JobPhase.Preempted => Wire.JobState.Preempted,
        JobPhase.Succeeded => Wire.JobState.Succeeded,
        JobPhase.Failed => Wire.JobState.Failed,
        JobPhase.Cancelled => Wire.JobState.Cancelled,
        _ => Wire.JobState.Unspecified,
    };
}
