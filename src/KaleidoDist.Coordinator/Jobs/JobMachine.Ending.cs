namespace KaleidoDist.Coordinator;

/// <summary>
/// How a generation ends: in good order, or by a failure. First form of recovery: one rank gone ends all ranks of its generation,
/// and the next generation starts from the newest valid checkpoint with the slots there are.
/// </summary>
internal sealed partial class JobMachine
{
    private static JobTransition RankFinished(JobState state, JobCommand.RankFinished finished)
    {
        state = state.WithSeat(state.Seats[finished.Rank] with { Ending = finished.Ending }) with { Step = Math.Max(state.Step, finished.Step) };
        return JobTransition.Move(state);
    }

    private JobTransition RankExited(JobState state, JobCommand.RankExited exited, DateTimeOffset now)
    {
        var seat = state.Seats[exited.Rank];
        if (!seat.IsLive)
            return JobTransition.Ignored(state, $"rank {exited.Rank} is gone already");
        var ending = exited.Ending == RankEnding.None ? seat.Ending : exited.Ending;
        state = state.WithSeat(seat with { Life = RankLife.Gone, Ending = ending });
        var error = $"rank {exited.Rank} on {exited.WorkerId} {exited.Error}";
        if (exited.Fatal)
            return Fail(state, error, now); // even while draining: peers of the rank at fault may have been reported first
        return state.Phase == JobPhase.Recovering || ending != RankEnding.None || state.Stop != StopWish.None
            ? GoneInOrder(state, now)
            : Recover(state, error, "KD-W101", Blame.Rank, now);
    }

    private JobTransition SeatsLost(JobState state, string workerId, string why, DateTimeOffset now)
    {
        var lost = state.Seats.Where(s => s.IsLive && s.WorkerId == workerId).ToArray();
        if (lost.Length == 0)
            return JobTransition.Passing(state, $"no rank of the job is on {workerId}");
        var ranks = string.Join(", ", lost.Select(s => s.Rank));
        state = state with { Seats = [.. state.Seats.Select(s => s.WorkerId == workerId ? s with { Life = RankLife.Gone } : s)] };
        return state.Phase == JobPhase.Recovering || state.Stop != StopWish.None || lost.All(s => s.Ending != RankEnding.None)
            ? GoneInOrder(state, now)
            : Recover(state, $"worker {workerId} {why}; it ran {(lost.Length == 1 ? "rank" : "ranks")} {ranks}", "KD-W102", Blame.Worker, now);
    }

    /// <summary>A rank is gone and that is no news: wait for the others, then go where the job was heading.</summary>
    private JobTransition GoneInOrder(JobState state, DateTimeOffset now)
    {
        if (state.Seats.Any(s => s.IsLive))
        {
            // One that left without a word will never take part in the others' last checkpoint.
            return state.Phase != JobPhase.Recovering && state.Seats.Any(s => s is { IsLive: false, Ending: RankEnding.None })
                ? Drain(state, now)
                : JobTransition.Move(state);
        }

        return Drained(state, now);
    }

    /// <summary>All ranks of the generation are gone.</summary>
    private JobTransition Drained(JobState state, DateTimeOffset now)
    {
        var total = state.Extent.TotalSteps;
        if (state.Seats.All(s => s.Ending == RankEnding.Completed))
        {
            return state.Base?.Step >= total
                ? Finish(state, JobPhase.Succeeded, $"all {Count(total, "step")} are done", "", now)
                : Fail(state, $"all {Count(total, "step")} were trained, but the last checkpoint was not saved; the newest is {Place(state.Base)}. Make room in '{state.RunDirectory}' and submit the job again.", now);
        }

        if (state.Stop != StopWish.None || state.StopAfterStep > 0 && state.Base?.Step >= state.StopAfterStep)
            return Rest(state, now);
        return state.Phase == JobPhase.Recovering
            ? Prepare(state, JobPhase.Recovering, state.Reason)
            : Recover(state, "ranks stopped before the job's last step, as their workers wished", "KD-W105", Blame.Worker, now);
    }

    private enum Blame
    {
        Rank,
        Worker,
    }

    private JobTransition Recover(JobState state, string error, string code, Blame blame, DateTimeOffset now)
    {
        state = (state with
        {
            LastError = error,
            RankFailures = state.RankFailures + (blame == Blame.Rank ? 1 : 0),
            WorkerFailures = state.WorkerFailures + (blame == Blame.Worker ? 1 : 0),
        }).Noted(now, code, error);
        if (state.RankFailures > rules.RankFailureBudget)
            return Fail(state, $"{error} (after {Count(rules.RankFailureBudget, "restart")} without a new checkpoint)", now);
        if (state.WorkerFailures > rules.WorkerFailureBudget)
            return Fail(state, $"{error} (after {Count(rules.WorkerFailureBudget, "lost worker")} without a new checkpoint)", now);
        return Drain(state with { Restarts = state.Restarts + 1, Reason = error }, now);
    }

    /// <summary>Kills what lives of the generation; the job goes on once all of it is gone.</summary>
    private JobTransition Drain(JobState state, DateTimeOffset now)
    {
        var draining = state with { Phase = JobPhase.Recovering, Wait = JobWait.Exits, Deadline = now + rules.DrainTimeout, ReattachBy = null };
        return state.Seats.Any(s => s.IsLive)
            ? JobTransition.Move(draining, [.. StopEverywhere(draining, withCheckpoint: false)])
            : Drained(draining, now);
    }

    private static JobTransition Fail(JobState state, string error, DateTimeOffset now)
        => Finish(state with { LastError = error }, JobPhase.Failed, error, "KD-J101", now, [.. StopEverywhere(state, withCheckpoint: false)]);

    private JobTransition NotReadyInTime(JobState state, DateTimeOffset now)
    {
        var late = state.Seats.Where(s => s.Life == RankLife.Starting).Select(s => $"{s.Rank} on {s.WorkerId}");
        return Recover(state, $"not ready within {rules.StartTimeout.TotalSeconds:0} s: rank {string.Join(", rank ", late)}", "KD-W111", Blame.Rank, now);
    }
}
