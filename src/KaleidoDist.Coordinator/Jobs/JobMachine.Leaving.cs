using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Rank processes that go: at a border where the others can do without them, with a checkpoint where they cannot, and without a word.
/// </summary>
internal sealed partial class JobMachine
{
    private JobTransition WorkerLeaving(JobState state, JobCommand.WorkerLeaving leaving, DateTimeOffset now)
    {
        var there = state.Everyone.Where(s => s.IsAboard && s.WorkerId == leaving.WorkerId).ToImmutableArray();
        if (there.IsEmpty || state.Leaving.Contains(leaving.WorkerId) || state.Wait == JobWait.Exits)
            return JobTransition.Passing(state, $"{leaving.WorkerId} runs nothing that can leave, or is known to leave");
        var text = $"worker {leaving.WorkerId} leaves ({leaving.Why})";
        state = (state with { Leaving = state.Leaving.Add(leaving.WorkerId) }).Noted(now, "KD-W105", text);
        var joiners = there.RemoveAll(s => s.Rank >= 0);
        state = state.Without([.. joiners.Select(j => j.Member)]);
        if (state is not { Phase: JobPhase.Starting, Formation: null })
            return JobTransition.Move(state, [.. Kill(state, joiners)]);
        // Nothing was trained yet: the others start without it.
        return GoOn(state.Without([.. there.Select(s => s.Member)]), text, now).After(Kill(state, there));
    }

    /// <summary>
    /// Lets the ranks of leaving workers part at the next border. Where too few would stay these hold the state in memory and wait, as after
    /// a loss; where nobody would, it is saved. Null when nobody leaves.
    /// </summary>
    private JobTransition? Leave(JobState state, DateTimeOffset now)
    {
        if (Leavers(state) is not { IsEmpty: false } leavers)
            return null;
        ImmutableArray<RankSeat> ready = [.. state.Joiners.Where(j => j is { Life: RankLife.CaughtUp, Attached: true })];
        if (leavers.Length == state.Seats.Length && !ready.IsEmpty && state.Seats.Length < state.MaxWorld)
            return null; // joiners are taken in first: at a border where only they stay nobody would have the newest step
        var staying = state.Aboard.Except(leavers).ToImmutableArray();
        if (!staying.IsEmpty)
            staying = [.. staying.Concat(ready).Take(state.MaxWorld)];
        var workers = string.Join(", ", leavers.Select(s => s.WorkerId).Distinct());
        if (staying.Length >= state.Spec.Workers.Min)
            return Part(state with { Leavers = leavers }, staying, $"{Ranks(leavers)} {(leavers.Length == 1 ? "leaves" : "leave")}", now);
        if (!staying.IsEmpty)
            return LoseSeats(state, leavers, new Loss("KD-W105", $"{Ranks(leavers)} {(leavers.Length == 1 ? "leaves" : "leave")}; fewer than {Count(state.Spec.Workers.Min, "rank")} stay") { MayLive = true, IsOrderly = true }, now);
        var saving = state with
        {
            Stop = StopWish.Release,
            Deadline = now + rules.StopGrace,
            Reason = $"worker {workers} leaves and nobody would stay: saving, then waiting for slots",
            Joiners = [],
        };
        return JobTransition.Move(saving.Noted(now, "KD-W105", saving.Reason), [.. Kill(state, state.Joiners), .. StopEverywhere(saving, withCheckpoint: true)]);
    }

    /// <summary>Ranks that hold a state in memory save it before their worker leaves; null when nobody leaves.</summary>
    private JobTransition? HandOverHeld(JobState state, DateTimeOffset now)
        => Leavers(state).IsEmpty || state.Aboard.Any(s => s.Life != RankLife.Ready || !s.Attached)
            ? null
            : Regroup(state with { Stop = StopWish.Release }, "a worker leaves while its ranks wait for slots: they save what they hold", now);

    /// <summary>A worker that runs nothing of the job any more has left it; null when none has.</summary>
    private static JobTransition? ForgetLeft(JobState state)
    {
        if (state.Leaving.IsEmpty)
            return null;
        var leaving = state.Leaving.RemoveAll(w => !state.Everyone.Any(s => s.IsLive && s.WorkerId == w));
        return leaving.Length == state.Leaving.Length ? null : JobTransition.Passing(state with { Leaving = leaving }, "a worker left");
    }

    private static ImmutableArray<RankSeat> Leavers(JobState state) => [.. state.Aboard.Where(s => state.Leaving.Contains(s.WorkerId))];

    private static JobTransition RankFinished(JobState state, JobCommand.RankFinished finished)
    {
        var seat = state.Find(finished.Member, finished.WorkerId)!;
        return JobTransition.Move(state.With(seat with { Ending = finished.Ending }) with
        {
            Step = Math.Max(state.Step, finished.Step),
            EarlyEnd = finished.EarlyEnd.Length > 0 ? new EarlyEnd(finished.Step, finished.EarlyEnd) : state.EarlyEnd,
        });
    }

    private JobTransition RankExited(JobState state, JobCommand.RankExited exited, DateTimeOffset now)
    {
        var seat = state.Find(exited.Member, exited.WorkerId)!;
        var ending = exited.Ending == RankEnding.None ? seat.Ending : exited.Ending;
        var error = $"{seat.Name} {exited.Error}";
        var isSeated = state.Seats.Any(s => s.Member == seat.Member);
        if (exited.Fatal && isSeated)
            return Fail(state, error, now); // even while draining: peers of the rank at fault may have been reported first
        if (!isSeated)
            return OutsiderExited(state, seat, ending, error, now);
        if (state.Wait == JobWait.Exits)
            return GoneWhileDraining(state, [seat], now);
        return ending switch
        {
            RankEnding.Completed or RankEnding.Stopped => EndedInOrder(state.With(seat with { Life = RankLife.Gone, Ending = ending }), now),
            RankEnding.Left => LoseSeats(state, [seat], new Loss("KD-W105", $"{seat.Name} left") { IsOrderly = true }, now),
            _ => LoseMember(state, seat, new Loss("KD-W101", error) { IsFailure = true, Step = exited.At.Step }, now),
        };
    }

    private JobTransition OutsiderExited(JobState state, RankSeat seat, RankEnding ending, string error, DateTimeOffset now)
    {
        var left = state.Without([seat.Member]);
        if (state.Wait == JobWait.Exits)
            return left.IsDeserted ? Drained(left, now) : JobTransition.Move(left);
        if (state.Joiners.Any(j => j.Member == seat.Member))
            return LoseJoiners(state, [seat], error, mayLive: false, now);
        // Without one of its members the generation before cannot come to its border.
        return ending == RankEnding.None && left.Formation is { AtBorder: true }
            ? GiveBorderUp(left.Noted(now, "KD-W101", $"{error} before it had left"), now)
            : JobTransition.Move(left);
    }

    /// <summary>A seat or a leaver is lost.</summary>
    private JobTransition LoseMember(JobState state, RankSeat seat, Loss loss, DateTimeOffset now)
        => state.Seats.Any(s => s.Member == seat.Member)
            ? LoseSeats(state, [seat], loss, now)
            : OutsiderExited(state, seat, RankEnding.None, loss.Text, now).After(loss.MayLive ? Kill(state, [seat]) : []);

    private JobTransition WorkerLost(JobState state, string workerId, string why, DateTimeOffset now)
    {
        var lost = state.Everyone.Where(s => s.IsLive && s.WorkerId == workerId).ToImmutableArray();
        state = state with { Suspects = state.Suspects.Remove(workerId), Leaving = state.Leaving.Remove(workerId) };
        return lost.IsEmpty
            ? JobTransition.Passing(state, $"no rank of the job is on {workerId}")
            : LoseProcesses(state, lost, "KD-W102", ranks => $"worker {workerId} {why}; it ran {ranks}", mayLive: false, now);
    }

    private JobTransition WorkerUnreachable(JobState state, JobCommand.WorkerUnreachable unreachable, DateTimeOffset now)
    {
        var lost = state.Everyone.Where(s => s.Life == RankLife.Starting && s.WorkerId == unreachable.WorkerId && unreachable.Members.Contains(s.Member)).ToImmutableArray();
        return lost.IsEmpty
            ? JobTransition.Passing(state, "the job has no such ranks")
            : LoseProcesses(state, lost, "KD-W102", ranks => $"worker {unreachable.WorkerId} cannot be reached; it was to run {ranks}", mayLive: true, now);
    }

    /// <summary>Processes of one worker are lost together, whatever part they had: one change.</summary>
    private JobTransition LoseProcesses(JobState state, ImmutableArray<RankSeat> lost, string code, Func<string, string> text, bool mayLive, DateTimeOffset now)
    {
        if (state.Wait == JobWait.Exits)
            return GoneWhileDraining(state, lost, now);
        var seats = lost.RemoveAll(l => state.Seats.All(s => s.Member != l.Member));
        var joiners = lost.RemoveAll(l => state.Joiners.All(j => j.Member != l.Member));
        var leavers = lost.RemoveAll(l => state.Leavers.All(j => j.Member != l.Member));
        var names = lost.All(s => s.Rank >= 0) ? $"{(lost.Length == 1 ? "rank" : "ranks")} {string.Join(", ", lost.Select(s => s.Rank))}" : Ranks(lost);
        var what = text(names);
        var kills = mayLive ? Kill(state, lost) : [];
        var transition = JobTransition.Passing(state, what);
        if (!joiners.IsEmpty)
            transition = transition.Then(s => LoseJoiners(s, joiners, what, mayLive: false, now));
        if (!leavers.IsEmpty)
            transition = transition.Then(s => JobTransition.Move(s.Without([.. leavers.Select(l => l.Member)])));
        var inOrder = seats.RemoveAll(s => s.Ending == RankEnding.None);
        var dead = seats.RemoveAll(s => s.Ending != RankEnding.None);
        if (!inOrder.IsEmpty)
            transition = transition.Then(s => JobTransition.Move(s.Select(x => inOrder.Any(o => o.Member == x.Member) ? x with { Life = RankLife.Gone } : x)));
        transition = !dead.IsEmpty ? transition.Then(s => LoseSeats(s, dead, new Loss(code, what), now))
            : !inOrder.IsEmpty ? transition.Then(s => GoneInOrder(s, now))
            : !leavers.IsEmpty ? transition.Then(s => s.Formation is { AtBorder: true } ? GiveBorderUp(s.Noted(now, code, what), now) : null)
            : transition;
        return transition.After(kills);
    }
}
