using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>How the processes of a job end together, in good order or not, and where the job goes then.</summary>
internal sealed partial class JobMachine
{
    /// <summary>A rank ended as it should: once all have, the job goes where it was heading.</summary>
    private JobTransition GoneInOrder(JobState state, DateTimeOffset now)
        => state.Seats.Any(s => s.IsLive) ? JobTransition.Move(state) : Drained(state, now);

    /// <summary>A rank ended after the last step: whoever was to come at a border comes too late.</summary>
    private JobTransition EndedInOrder(JobState state, DateTimeOffset now)
    {
        if (state.Formation is not { AtBorder: true })
            return GoneInOrder(state, now);
        ImmutableArray<RankSeat> late = [.. state.Seats.Where(s => s.IsNew)];
        var ended = state.Without([.. late.Select(s => s.Member)]) with { Formation = null };
        return GoneInOrder(ended, now).After(Kill(state, late));
    }

    private JobTransition GoneWhileDraining(JobState state, ImmutableArray<RankSeat> gone, DateTimeOffset now)
    {
        state = state.Select(s => gone.Any(g => g.Member == s.Member) ? s with { Life = RankLife.Gone } : s);
        return state.IsDeserted ? Drained(state, now) : JobTransition.Move(state);
    }

    /// <summary>No process is left that the job could go on with.</summary>
    private JobTransition Drained(JobState state, DateTimeOffset now)
    {
        var total = state.Extent.TotalSteps;
        if (!state.Seats.IsEmpty && state.Seats.All(s => s.Ending == RankEnding.Completed))
        {
            if (state.EarlyEnd is { } early && state.Base?.Step >= early.Step && early.Step < total)
                return Finish(state, JobPhase.Succeeded, $"ended early at step {early.Step} of {total}: {early.Why}", "KD-J110", now);
            // The files of an extraction are on disk before their step counts: there is no checkpoint to wait for.
            return state.IsExtraction || state.Base?.Step >= total
                ? Finish(state, JobPhase.Succeeded, $"all {Count(total, "step")} are done", "", now)
                : Fail(state, $"all {Count(total, "step")} were trained, but the last checkpoint was not saved; the newest is {Place(state.Base)}. Make room in '{state.Spec.Checkpoint.Root}' and submit the job again.", now);
        }

        if (state.Stop is StopWish.Checkpoint or StopWish.Cancel || (state.StopAfterStep > 0 && state.SavedStep >= state.StopAfterStep))
            return Rest(state, now);
        if (state.Phase == JobPhase.Recovering && state.Stop == StopWish.None)
            return Prepare(state, JobPhase.Recovering, state.Reason);
        const string Stopped = "ranks stopped before the job's last step, as their workers wished";
        return Prepare(state.Noted(now, "KD-W105", Stopped) with { Stop = StopWish.None, Restarts = state.Restarts + 1 }, JobPhase.Recovering, Stopped);
    }

    /// <summary>Nobody holds the state in memory any more, or it is not the newest: back to a checkpoint.</summary>
    private JobTransition GoBack(JobState state, string cause, DateTimeOffset now)
        => Drain(state.Stop == StopWish.None ? state with { Restarts = state.Restarts + 1, Reason = cause } : state, now);

    /// <summary>Kills what lives of the job; it goes on once all of it is gone.</summary>
    private JobTransition Drain(JobState state, DateTimeOffset now)
    {
        var draining = state with
        {
            Phase = JobPhase.Recovering,
            Wait = JobWait.Exits,
            Formation = null,
            Interruption = null,
            Deadline = now + rules.DrainTimeout,
            ReattachBy = null,
        };
        return draining.IsDeserted ? Drained(draining, now) : JobTransition.Move(draining, [.. StopEverywhere(draining, withCheckpoint: false)]);
    }

    private static JobTransition Fail(JobState state, string error, DateTimeOffset now)
        => Finish(state with { LastError = error }, JobPhase.Failed, error, "KD-J101", now);

    /// <summary>The job comes to rest because somebody wished it: resumable, or cancelled for good.</summary>
    private static JobTransition Rest(JobState state, DateTimeOffset now)
    {
        var at = state switch
        {
            { IsExtraction: true } => $"{Count(state.Step, "row group")} of {state.Extent.TotalSteps} are extracted",
            { Base: { } entry } => $"step {entry.Step} is saved",
            _ => "nothing was saved yet",
        };
        var cancelled = state.Stop == StopWish.Cancel;
        return Finish(state, cancelled ? JobPhase.Cancelled : JobPhase.Preempted, cancelled ? $"cancelled; {at}" : $"stopped; {at}", "KD-R110", now);
    }

    private static JobTransition Finish(JobState state, JobPhase phase, string reason, string code, DateTimeOffset now)
    {
        var ended = Deserted(state) with
        {
            Phase = phase,
            Wait = JobWait.None,
            Reason = reason,
            Stop = StopWish.None,
            FinishedAt = now,
        };
        return JobTransition.Move(ended.Noted(now, code, reason), [.. StopEverywhere(state, withCheckpoint: false)]);
    }
}
