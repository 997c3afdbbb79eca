using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Reconciliation: after a broken stream or a coordinator restart a worker says what it runs. What belongs to the generation stays,
/// what is missing is lost, what is out of date is killed.
/// </summary>
internal sealed partial class JobMachine
{
    private JobTransition WorkerRegistered(JobState state, JobCommand.WorkerRegistered registered, DateTimeOffset now)
    {
        var (workerId, running) = (registered.WorkerId, registered.Running);
        var stale = running.Where(r => !Belongs(state, workerId, r)).ToArray();
        ImmutableArray<JobEffect> fences = stale.Length == 0
            ? []
            : [new JobEffect.StopRanks(workerId, stale.Max(r => r.Generation), WithCheckpoint: false)];
        var expected = state.Seats.Where(s => s.IsLive && s.WorkerId == workerId).ToArray();
        if (expected.Length == 0)
            return JobTransition.Passing(state, stale.Length == 0 ? $"{workerId} runs nothing of the job" : $"{workerId} runs ranks of the past", [.. fences]);

        if (state.Wait == JobWait.Exits)
        {
            // Killed ranks that it still runs are killed again; those it does not run are gone.
            var gone = state with { Seats = [.. state.Seats.Select(s => s.WorkerId == workerId && !running.Any(r => IsOf(state, s, r)) ? s with { Life = RankLife.Gone } : s)] };
            var drained = GoneInOrder(gone, now);
            return drained with { Effects = [.. fences, .. drained.Effects] };
        }

        var missing = expected.Where(s => !running.Any(r => IsOf(state, s, r))).ToArray();
        var attached = state with { Seats = [.. state.Seats.Select(s => running.FirstOrDefault(r => s.WorkerId == workerId && s.IsLive && IsOf(state, s, r)) is { } r ? Attach(s, r) : s)] };
        var next = missing.Length > 0 ? Missing(attached, workerId, missing, now) : Reattached(attached, workerId, running, now);
        return next with { Effects = [.. fences, .. next.Effects] };
    }

    private static bool Belongs(JobState state, string workerId, RunningSeat running)
        => state.Phase.HasGeneration() && state.Seats.Any(s => s.IsLive && s.WorkerId == workerId && IsOf(state, s, running));

    private static bool IsOf(JobState state, RankSeat seat, RunningSeat running) => running.Generation == state.Generation && running.Rank == seat.Rank;

    private static RankSeat Attach(RankSeat seat, RunningSeat running) => running.Endpoint.Length == 0
        ? seat with { Attached = true, ProcessId = running.ProcessId }
        : seat with { Attached = true, ProcessId = running.ProcessId, Endpoint = running.Endpoint, Life = RankLife.Ready };

    private JobTransition Missing(JobState state, string workerId, RankSeat[] missing, DateTimeOffset now)
    {
        state = state with { Seats = [.. state.Seats.Select(s => missing.Any(m => m.Rank == s.Rank) ? s with { Life = RankLife.Gone } : s)] };
        return state.Stop != StopWish.None || missing.All(m => m.Ending != RankEnding.None)
            ? GoneInOrder(state, now)
            : Recover(state, $"worker {workerId} came back without rank {string.Join(", ", missing.Select(m => m.Rank))}", "KD-W103", Blame.Worker, now);
    }

    private static JobTransition Reattached(JobState state, string workerId, ImmutableArray<RunningSeat> running, DateTimeOffset now)
    {
        if (state.Phase == JobPhase.Starting)
            return FormWhenReady(state, now) ?? JobTransition.Passing(state, $"{workerId} is back");
        var complete = state.ReattachBy is not null && state.Seats.All(s => s.Attached || !s.IsLive);
        if (complete)
            state = (state with { ReattachBy = null }).Noted(now, "KD-C102", $"all ranks of generation {state.Generation} kept training while the coordinator was away");

        // What was ordered while the worker was away may not have reached it.
        var effects = new List<JobEffect>();
        if (running.Any(r => r.Generation == state.Generation && !r.IsTraining) && state.Seats.All(s => s.Endpoint is not null))
            effects.Add(Introduction(state, workerId));
        if (state.Stop != StopWish.None)
            effects.Add(new JobEffect.StopRanks(workerId, state.Generation, WithCheckpoint: true));
        return complete ? JobTransition.Move(state, [.. effects]) : JobTransition.Passing(state, $"{workerId} is back", [.. effects]);
    }

    private JobTransition CoordinatorRestarted(JobState state, DateTimeOffset now)
    {
        if (state.Phase.HasGeneration())
        {
            var waiting = state with
            {
                Seats = [.. state.Seats.Select(s => s with { Attached = !s.IsLive })],
                ReattachBy = now + rules.ReattachTime,
                Deadline = state.Phase == JobPhase.Starting ? now + rules.StartTimeout : state.Stop == StopWish.None ? null : now + rules.StopGrace,
            };
            return JobTransition.Passing(
                waiting.Noted(now, "KD-C101", "the coordinator started again and waits for the job's workers"),
                "the coordinator started again",
                new JobEffect.AdoptSlots(state.Generation, [.. state.Seats.Where(s => s.IsLive)]));
        }

        return state.Wait switch
        {
            JobWait.Exits => JobTransition.Passing(state with { Deadline = now + rules.DrainTimeout }, "the coordinator started again"),
            JobWait.Checkpoint => JobTransition.Passing(state, "the coordinator started again", new JobEffect.FindCheckpoint(state.RunDirectory)),
            JobWait.Slots => JobTransition.Passing(state with { Deadline = now + rules.GatherTime }, "the coordinator started again", Ask(state, state.Spec.Workers.Max)),
            _ => JobTransition.Passing(state, "the job is at rest"),
        };
    }

    private JobTransition ReattachTimedOut(JobState state, DateTimeOffset now)
    {
        var absent = state.Seats.Where(s => s.IsLive && !s.Attached).ToArray();
        state = state with { ReattachBy = null };
        if (absent.Length == 0)
            return JobTransition.Passing(state, "all ranks are back");
        var workers = string.Join(", ", absent.Select(s => s.WorkerId).Distinct());
        state = state with { Seats = [.. state.Seats.Select(s => s.IsLive && !s.Attached ? s with { Life = RankLife.Gone } : s)] };
        return state.Stop != StopWish.None
            ? GoneInOrder(state, now)
            : Recover(state, $"worker {workers} did not come back within {rules.ReattachTime.TotalSeconds:0} s of the coordinator's restart", "KD-W104", Blame.Worker, now);
    }
}
