using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Reconciliation: after a broken stream or a coordinator restart a worker says what it runs, by member. What is part of the job stays and
/// is told what it missed, what is missing is lost, what is no part of the job any more is killed.
/// </summary>
internal sealed partial class JobMachine
{
    private JobTransition WorkerRegistered(JobState state, JobCommand.WorkerRegistered registered, DateTimeOffset now)
    {
        var (workerId, running) = (registered.WorkerId, registered.Running);
        if (state.Suspects.Contains(workerId))
            state = state with { Suspects = state.Suspects.Remove(workerId) };
        var here = state.Everyone.Where(s => s.IsLive && s.WorkerId == workerId).ToImmutableArray();
        var strangers = running.RemoveAll(r => here.Any(s => s.Member == r.Member));
        ImmutableArray<JobEffect> fences = strangers.IsEmpty
            ? []
            : [new JobEffect.StopRanks(workerId, state.Generation, WithCheckpoint: false, [.. strangers.Select(r => r.Member)])];
        if (here.IsEmpty)
            return JobTransition.Passing(state, strangers.IsEmpty ? $"{workerId} runs nothing of the job" : $"{workerId} runs processes of the past", [.. fences]);

        var missing = here.RemoveAll(s => running.Any(r => r.Member == s.Member));
        if (state.Wait == JobWait.Exits)
        {
            // Killed ranks that it still runs are killed again; those it does not run are gone.
            var left = GoneWhileDraining(state, missing, now);
            return left.State.Wait == JobWait.Exits ? left.After([.. Kill(left.State, here.Except(missing)), .. fences]) : left.After(fences);
        }

        foreach (var process in running.Where(r => here.Any(s => s.Member == r.Member)))
            state = Attached(state, process);
        var next = missing.IsEmpty
            ? Reattached(state, workerId, running, now)
            : LoseProcesses(state, missing, "KD-W103", ranks => $"worker {workerId} came back without {ranks}", mayLive: false, now)
                .Then(s => Reattached(s, workerId, running, now));
        return next.After(fences);
    }

    private static JobState Attached(JobState state, RunningSeat process)
    {
        var seat = state.Everyone.First(s => s.Member == process.Member);
        var isFormed = process.Generation == state.Generation && !process.IsWaiting;
        return state.With(seat with
        {
            Attached = true,
            ProcessId = process.ProcessId,
            Endpoint = process.Endpoint.Length > 0 ? process.Endpoint : seat.Endpoint,
            Life = seat.Life == RankLife.Starting && process.Endpoint.Length > 0 ? RankLife.Ready : seat.Life,
            Formed = seat.Formed || isFormed,
            HasState = seat.HasState || isFormed,
        });
    }

    /// <summary>What was ordered while the worker was away may not have reached it, and what its ranks said may not have reached us.</summary>
    private JobTransition Reattached(JobState state, string workerId, ImmutableArray<RunningSeat> running, DateTimeOffset now)
    {
        var why = $"{workerId} is back";
        var members = state.Aboard.Concat(state.Leavers).Where(s => s.WorkerId == workerId).Select(s => s.Member).ToHashSet();
        var processes = running.RemoveAll(r => !members.Contains(r.Member));
        var isComplete = state.ReattachBy is not null && state.Everyone.All(s => s.Attached || !s.IsLive);
        if (isComplete)
            state = state with { ReattachBy = null };
        if (FormWhenReady(state, now) is { } forming)
            return forming;
        if (state.Phase.IsAtRest() || state.IsHolding || state.Wait != JobWait.None || processes.IsEmpty)
            return JobTransition.Passing(state, why);
        if (state.Formation is not null)
        {
            if (state.Aboard.All(s => s.Formed))
                return Formed(state, now);
            if (processes.Any(r => r.Generation < state.Generation))
                return JobTransition.Passing(state, why, Introduction(state, workerId));
        }

        var transition = JobTransition.Passing(state, why);
        foreach (var waiting in processes.Where(r => r.IsWaiting && r.Generation == state.Generation))
            transition = transition.Then(s => s.Generation == waiting.Generation && s.Wait == JobWait.None ? Heard(s, new InterruptionReport(waiting.Member, waiting.Step, 0, "its generation broke while the coordinator could not be told"), now) : null);
        if (state is { Stop: not StopWish.None, Formation: null, Phase: JobPhase.Running } && transition.State.Interruption is null)
            transition = transition.Then(s => JobTransition.Passing(s, why, new JobEffect.StopRanks(workerId, s.Generation, WithCheckpoint: true, [])));
        return isComplete && transition.State is { Phase: JobPhase.Running, Interruption: null }
            ? transition.Then(s => JobTransition.Move(s.Noted(now, "KD-C102", $"all ranks of generation {s.Generation} kept training while the coordinator was away")))
            : transition;
    }

    private JobTransition CoordinatorRestarted(JobState state, DateTimeOffset now)
    {
        const string Again = "the coordinator started again";
        state = state with { Ask = null, Suspects = [], Interruption = null };
        if (state.Wait == JobWait.Exits)
            return JobTransition.Passing(state with { Deadline = now + rules.DrainTimeout }, Again);
        if (state.IsDeserted)
        {
            return state.Wait switch
            {
                JobWait.Checkpoint => JobTransition.Passing(state, Again, new JobEffect.FindCheckpoint(state.RunDirectory)),
                JobWait.Slots => JobTransition.Passing(state with { Deadline = now + rules.GatherTime }, Again),
                _ => JobTransition.Passing(state, Again),
            };
        }

        var back = now + rules.ReattachTime;
        var waiting = state.Select(s => s with { Attached = !s.IsLive, SilentAt = null, Until = s.Until is null ? null : back + rules.StartTimeout }) with
        {
            ReattachBy = back,
            Formation = state.Formation is { By: not null } formation ? formation with { By = back + rules.FormTimeout } : state.Formation,
            Deadline = state is { Phase: JobPhase.Starting, Formation: null } ? now + rules.StartTimeout : state.Stop == StopWish.None ? null : now + rules.StopGrace,
        };
        return JobTransition.Passing(
            waiting.Noted(now, "KD-C101", "the coordinator started again and waits for the job's workers"), Again,
            new JobEffect.AdoptSlots([.. waiting.Everyone.Where(s => s.IsLive).Select(s => new SlotSeat(s.Member, s.WorkerId, s.Host))]));
    }

    private JobTransition ReattachTimedOut(JobState state, DateTimeOffset now)
    {
        var absent = state.Everyone.Where(s => s.IsLive && !s.Attached).ToImmutableArray();
        state = state with { ReattachBy = null };
        if (absent.IsEmpty)
            return JobTransition.Passing(state, "all ranks are back");
        var workers = string.Join(", ", absent.Select(s => s.WorkerId).Distinct());
        return LoseProcesses(
            state, absent, "KD-W104",
            ranks => $"worker {workers} did not come back within {Seconds(rules.ReattachTime)} of the coordinator's restart; it ran {ranks}", mayLive: true, now);
    }
}
