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
            ResumeSeq = submit.ResumeSeq,
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
        => state.Phase.IsAtRest() || !state.Everyone.Any(s => s is { IsLive: true, Attached: true });

    private JobTransition Resubmit(JobState state, JobCommand.Submit submit, DateTimeOffset now)
    {
        if (Knows(state, submit.Key))
            return JobTransition.Passing(state, "this submit is known");
        if (!AcceptsSpec(state))
            return JobTransition.Passing(state, "the job has running ranks and goes on as it was submitted");
        // An extraction looks again whether its files are there: that takes a moment.
        var endsOtherwise = state.IsExtraction || (state.EarlyEnd is not null && submit.Spec.Evaluation != state.Spec.Evaluation);
        if (state.Phase == JobPhase.Succeeded && submit.ResumeSeq == 0 && submit.Extent.TotalSteps <= state.Extent.TotalSteps && !endsOtherwise)
            return JobTransition.Passing(state, state.EarlyEnd is null ? $"all {Count(state.Extent.TotalSteps, "step")} are done" : state.Reason);
        var renewed = state with
        {
            Spec = submit.Spec,
            Extent = submit.Extent,
            Datasets = submit.Datasets,
            StopAfterStep = submit.StopAfterStep,
            EarlyEnd = null,
            // What was asked for holds until it is history: the same command without it goes on with it.
            ResumeSeq = submit.ResumeSeq > 0 ? submit.ResumeSeq : state.ResumeSeq,
            SubmitKeys = Remembered(state.SubmitKeys, submit.Key),
        };
        if (state.Phase.IsAtRest())
            return Prepare(
                renewed.Noted(now, "", "submitted again") with { Stop = StopWish.None, FinishedAt = null, RankFailures = 0, Refused = [], LastError = null },
                JobPhase.Queued, "submitted again");
        if (submit.ResumeSeq > 0)
            return GoBackTo(renewed, now);
        if (renewed.Spec == state.Spec && renewed.StopAfterStep == state.StopAfterStep)
            return JobTransition.Move(renewed);
        const string Changed = "a new submit changed the specification while no rank was connected";
        return state switch
        {
            { Wait: not JobWait.Exits } when !state.IsDeserted => Prepare(renewed.Noted(now, "", Changed) with { Restarts = state.Restarts + 1 }, JobPhase.Recovering, Changed),
            { Wait: JobWait.Slots } => JobTransition.Move(renewed.Noted(now, "", Changed) with { Deadline = now + rules.GatherTime }),
            _ => JobTransition.Move(renewed.Noted(now, "", Changed)),
        };
    }

    /// <summary>Of a job without connected ranks: whatever it was about to do, it begins anew from the checkpoint that was asked for.</summary>
    private static JobTransition GoBackTo(JobState state, DateTimeOffset now)
    {
        var why = $"a new submit asked to go on from checkpoint {state.ResumeSeq}";
        return state.Wait == JobWait.Exits
            ? JobTransition.Move(state.Noted(now, "", why))
            : Prepare(state.Noted(now, "", why) with { Restarts = state.Restarts + 1 }, JobPhase.Recovering, why);
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

        if (state.Stop is StopWish.Checkpoint or StopWish.Cancel)
        {
            return cancel && state.Stop == StopWish.Checkpoint
                ? JobTransition.Move(state with { Stop = StopWish.Cancel, Reason = StopReason(StopWish.Cancel) })
                : JobTransition.Passing(state, "the job is stopping already");
        }

        var stopping = (state with { Stop = request.Wish, Reason = StopReason(request.Wish) })
            .Noted(now, "KD-R110", cancel ? "cancel was requested" : "a stop with a checkpoint was requested");
        return state.Stop == StopWish.Release ? JobTransition.Move(stopping) : StopRanks(stopping, now);
    }

    private static string StopReason(StopWish wish) => wish switch
    {
        StopWish.Cancel => "cancelling",
        StopWish.Release => "saving, since a worker leaves and too few ranks would stay",
        _ => "stopping with a checkpoint",
    };

    /// <summary>Ranks that train save and stop; those whose generation is broken agree on their step first; those that have trained nothing are ended.</summary>
    private JobTransition StopRanks(JobState state, DateTimeOffset now)
    {
        if (state.Wait == JobWait.Exits)
            return JobTransition.Move(state);
        if (state.Seats.IsEmpty)
            return Rest(state, now);
        if (state.Phase == JobPhase.Starting || (state.IsHolding && state.Aboard.Any(s => s.Life != RankLife.Ready)))
            return Drain(state, now);
        if (state.IsHolding)
            return Regroup(state, state.Reason, now);
        var unwanted = state.Joiners;
        var timed = state with { Deadline = now + rules.StopGrace, Joiners = [] };
        var isWhole = state is { Phase: JobPhase.Running, Formation: null, Interruption: null };
        return JobTransition.Move(timed, [.. Kill(state, unwanted), .. isWhole ? StopEverywhere(timed, withCheckpoint: true) : []]);
    }

    private JobTransition StopTimedOut(JobState state, DateTimeOffset now)
        => state.Stop == StopWish.None
            ? JobTransition.Passing(state with { Deadline = null }, "nothing waits for this deadline")
            : Drain(state.Noted(now, "KD-R112", $"ranks did not stop within {rules.StopGrace.TotalSeconds:0} s and are killed; the newest checkpoint counts"), now);
}
