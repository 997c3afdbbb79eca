using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What people ask for: submits and stops.</summary>
internal sealed partial class JobMachine
{
    /// <summary>A new job.</summary>
    /// <param name="jobId">Its id.</param>
    /// <param name="submit">What was submitted.</param>
    /// <param name="now">When.</param>
    public static JobTransition Create(string jobId, JobCommand.Submit submit, DateTimeOffset now)
    {
        var state = new JobState
        {
            JobId = jobId,
            Spec = submit.Spec,
            Extent = submit.Extent,
            Datasets = submit.Datasets,
            StopAfterStep = submit.StopAfterStep,
            Phase = JobPhase.Queued,
            Wait = JobWait.Checkpoint,
            Reason = "submitted",
            SubmittedAt = now,
            SubmitKeys = Remembered([], submit.Key),
        };
        return JobTransition.Move(state.Noted(now, "", $"submitted: {Count(submit.Extent.TotalSteps, "step")}"), new JobEffect.FindCheckpoint(state.RunDirectory));
    }

    /// <summary>Whether this submit is already part of the state: its repetition changes nothing.</summary>
    public static bool Knows(JobState state, string key) => key.Length > 0 && state.SubmitKeys.Contains(key);

    /// <summary>Whether a job of the given state may take over a new submit's specification.</summary>
    public static bool AcceptsSpec(JobState state)
        => state.Phase.IsAtRest() || !state.Seats.Any(s => s is { IsLive: true, Attached: true });

    private JobTransition Resubmit(JobState state, JobCommand.Submit submit, DateTimeOffset now)
    {
        if (Knows(state, submit.Key))
            return JobTransition.Passing(state, "this submit is known");
        if (!AcceptsSpec(state))
            return JobTransition.Passing(state, "the job has running ranks and goes on as it was submitted");
        if (state.Phase == JobPhase.Succeeded && submit.Extent.TotalSteps <= state.Extent.TotalSteps)
            return JobTransition.Passing(state, $"all {Count(state.Extent.TotalSteps, "step")} are done");
        var renewed = state with
        {
            Spec = submit.Spec,
            Extent = submit.Extent,
            Datasets = submit.Datasets,
            StopAfterStep = submit.StopAfterStep,
            SubmitKeys = Remembered(state.SubmitKeys, submit.Key),
        };
        if (state.Phase.IsAtRest())
            return Prepare(
                renewed.Noted(now, "", "submitted again") with { Stop = StopWish.None, FinishedAt = null, RankFailures = 0, WorkerFailures = 0, LastError = null },
                JobPhase.Queued, "submitted again");
        if (renewed.Spec == state.Spec && renewed.StopAfterStep == state.StopAfterStep)
            return JobTransition.Move(renewed);
        const string Changed = "a new submit changed the specification while no rank was connected";
        return state switch
        {
            { Phase: JobPhase.Starting or JobPhase.Running } => Prepare(renewed.Noted(now, "", Changed) with { Restarts = state.Restarts + 1 }, JobPhase.Recovering, Changed),
            { Wait: JobWait.Slots } => JobTransition.Move(renewed.Noted(now, "", Changed) with { Deadline = now + rules.GatherTime }, Ask(renewed, renewed.Spec.Workers.Max)),
            _ => JobTransition.Move(renewed.Noted(now, "", Changed)),
        };
    }

    private static ImmutableArray<string> Remembered(ImmutableArray<string> keys, string key)
        => key.Length == 0 ? keys : [.. keys.Skip(keys.Length - JobState.MaxSubmitKeys + 1), key];

    private JobTransition RequestStop(JobState state, JobCommand.RequestStop request, DateTimeOffset now)
    {
        var cancel = request.Wish == StopWish.Cancel;
        if (state.Phase.IsAtRest())
        {
            return cancel && state.Phase == JobPhase.Preempted
                ? JobTransition.Move((state with { Phase = JobPhase.Cancelled, Reason = "cancelled while stopped" }).Noted(now, "", "cancelled"))
                : JobTransition.Passing(state, $"the job is {Word(state.Phase)} already");
        }

        if (state.Stop != StopWish.None)
        {
            return cancel && state.Stop == StopWish.Checkpoint
                ? JobTransition.Move(state with { Stop = StopWish.Cancel })
                : JobTransition.Passing(state, "the job is stopping already");
        }

        var stopping = (state with { Stop = request.Wish, Reason = cancel ? "cancelling" : "stopping with a checkpoint" })
            .Noted(now, "KD-R110", cancel ? "cancel was requested" : "a stop with a checkpoint was requested");
        return state switch
        {
            { Phase: JobPhase.Running } => JobTransition.Move(stopping with { Deadline = now + rules.StopGrace }, [.. StopEverywhere(state, withCheckpoint: true)]),
            { Phase: JobPhase.Starting } => Drain(stopping, now),
            { Wait: JobWait.Exits } => JobTransition.Move(stopping),
            _ => Rest(stopping, now),
        };
    }

    private JobTransition StopTimedOut(JobState state, DateTimeOffset now)
        => state.Stop == StopWish.None
            ? JobTransition.Passing(state with { Deadline = null }, "nothing waits for this deadline")
            : Drain(state.Noted(now, "KD-R112", $"ranks did not stop within {rules.StopGrace.TotalSeconds:0} s and are killed; the newest checkpoint counts"), now);

    /// <summary>The job comes to rest because somebody wished it: resumable, or cancelled for good.</summary>
    private static JobTransition Rest(JobState state, DateTimeOffset now)
    {
        var at = state.Base is { } entry ? $"step {entry.Step} is saved" : "nothing was saved yet";
        var cancelled = state.Stop == StopWish.Cancel;
        return Finish(state, cancelled ? JobPhase.Cancelled : JobPhase.Preempted, cancelled ? $"cancelled; {at}" : $"stopped; {at}", "KD-R110", now);
    }

    private static JobTransition Finish(JobState state, JobPhase phase, string reason, string code, DateTimeOffset now, params ReadOnlySpan<JobEffect> effects)
    {
        var ended = (state with
        {
            Phase = phase,
            Wait = JobWait.None,
            Reason = reason,
            Seats = [],
            Deadline = null,
            ReattachBy = null,
            Stop = StopWish.None,
            FinishedAt = now,
        }).Noted(now, code, reason);
        return state.Seats.IsEmpty ? JobTransition.Move(ended, [.. effects, new JobEffect.ReleaseSlots(state.Generation)]) : JobTransition.Move(ended, effects);
    }
}
