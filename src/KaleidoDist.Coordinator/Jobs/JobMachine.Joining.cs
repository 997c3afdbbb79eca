using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Rank processes that come while others train: started, compared, given the state by a member, and taken in at a step border. Whatever
/// happens to them costs the others nothing.
/// </summary>
internal sealed partial class JobMachine
{
    /// <summary>What the answer to a command makes possible; null for nothing.</summary>
    private JobTransition? Pursue(JobState state, DateTimeOffset now)
    {
        if (state.IsHolding)
            return HandOverHeld(state, now) ?? RegroupWhenEnough(state, now);
        return IsWell(state) ? Leave(state, now) ?? TakeIn(state, now) ?? Donate(state, now) : null;
    }

    /// <summary>Whether the generation trains, undisturbed, so that its members can part at a border.</summary>
    private static bool IsWell(JobState state)
        => state is { Phase: JobPhase.Running, Wait: JobWait.None, Formation: null, Interruption: null, Stop: StopWish.None }
            && state.Seats.All(s => s is { IsAboard: true, Attached: true })
            && !IsWindingDown(state);

    private JobTransition Join(JobState state, ImmutableArray<SlotSeat> slots, DateTimeOffset now)
    {
        ImmutableArray<RankSeat> joiners = [.. slots.Select(s => new RankSeat(-1, s.Member, s.WorkerId, s.Host) { Until = now + rules.StartTimeout })];
        var joined = (state with { Joiners = [.. state.Joiners, .. joiners] }).Noted(now, "", $"starting {Count(joiners.Length, "more rank")} ({Ranks(joiners)})");
        if (joined.IsHolding)
            joined = joined with { Reason = HoldReason(joined) };
        return JobTransition.Move(joined, Starts(joined, joiners, joining: true));
    }

    private static JobTransition RankCaughtUp(JobState state, JobCommand.RankCaughtUp caughtUp, DateTimeOffset now)
        => state.Joiners.FirstOrDefault(j => j.Member == caughtUp.Member) is { Life: RankLife.Ready or RankLife.Copying } joiner
            ? JobTransition.Move(
                state.With(joiner with { Life = RankLife.CaughtUp, Until = null, HasState = caughtUp.Step >= 0 })
                    .Noted(now, "", caughtUp.Step >= 0 ? $"{joiner.Name} has the state of step {caughtUp.Step}" : $"{joiner.Name} gets its state when it is taken in"))
            : JobTransition.Passing(state, $"member {caughtUp.Member} is known to have the state");

    /// <summary>The next generation, with those that caught up, at a border of the present one; null when there are none.</summary>
    private static JobTransition? TakeIn(JobState state, DateTimeOffset now)
    {
        var room = Math.Max(0, state.MaxWorld - state.Seats.Length);
        var joiners = state.Joiners.Where(j => j is { Life: RankLife.CaughtUp, Attached: true }).Take(room).ToImmutableArray();
        if (joiners.IsEmpty)
            return null;
        var cause = $"{Ranks(joiners)} {(joiners.Length == 1 ? "joins" : "join")}";
        return Part(state with { GrowPause = TimeSpan.Zero }, [.. state.Aboard, .. joiners], cause, now);
    }

    /// <summary>All members live: they part at a border, and the next generation begins there.</summary>
    private static JobTransition Part(JobState state, ImmutableArray<RankSeat> members, string cause, DateTimeOffset now)
    {
        var next = NextGeneration(state, members, cause, now) with { Formation = new Formation(AtBorder: true, Stop: false, state.Seats.Length, By: null), Reason = cause };
        return JobTransition.Move(next.Noted(now, "", $"generation {next.Generation}: {cause}"), Introductions(next));
    }

    /// <summary>The order to give did not arrive, or the giver does not reach the joiner: another member is asked, if there is one.</summary>
    private static JobTransition DonateAgain(JobState state, RankSeat joiner, DateTimeOffset now)
        => JobTransition.Move(state.With(joiner with { Life = RankLife.Ready }).Noted(now, "", $"{joiner.Name} still waits for somebody's state"));

    /// <summary>
    /// Gives every ready joiner a member to copy from: one that did not fail to before, one on its host if there is one, else the highest rank; a
    /// member gives to one at a time.
    /// </summary>
    private JobTransition? Donate(JobState state, DateTimeOffset now)
    {
        var effects = new List<JobEffect>();
        foreach (var joiner in state.Joiners.Where(j => j is { Life: RankLife.Ready, Attached: true, Endpoint: not null }))
        {
            var donor = state.Seats
                .Where(s => state.Joiners.All(j => j.Life == RankLife.Ready || j.Donor != s.Member))
                .OrderBy(s => s.Member == joiner.Donor)
                .ThenByDescending(s => s.Host == joiner.Host)
                .ThenByDescending(s => s.Rank)
                .FirstOrDefault();
            if (donor is null)
                break;
            state = state.With(joiner with { Life = RankLife.Copying, Donor = donor.Member, Until = joiner.Until ?? now + rules.CatchUpTimeout });
            effects.Add(new JobEffect.DonateState(donor.WorkerId, state.Generation, donor.Member, joiner.Member, joiner.Endpoint!));
        }

        return effects.Count == 0 ? null : JobTransition.Move(state, [.. effects]);
    }

    /// <summary>Takes joiners out; others are asked for after a pause that grows, so that a process that never lives long costs nobody anything.</summary>
    private JobTransition LoseJoiners(JobState state, ImmutableArray<RankSeat> joiners, string why, bool mayLive, DateTimeOffset now)
    {
        var pause = state.GrowPause == TimeSpan.Zero ? rules.ShortestGrowPause : state.GrowPause * 2;
        pause = pause < rules.LongestGrowPause ? pause : rules.LongestGrowPause;
        state = state.Without([.. joiners.Select(j => j.Member)]) with { GrowPause = pause, GrowAfter = now + pause };
        if (state.IsHolding)
            state = state with { Reason = HoldReason(state) };
        return JobTransition.Move(state.Noted(now, "KD-W106", $"{why}; it had not joined yet. The next one is started in {Seconds(pause)}"), [.. mayLive ? Kill(state, joiners) : []]);
    }

    private JobTransition JoinersTimedOut(JobState state, DateTimeOffset now)
    {
        var late = state.Joiners.Where(j => now >= j.Until).ToImmutableArray();
        return LoseJoiners(state, late, $"{Ranks(late)} {(late.Any(j => j.Life == RankLife.Copying) ? "did not catch up" : "did not get ready")} in time", mayLive: true, now);
    }

    /// <summary>What differs between the job's ranks and one that gets ready, as words that follow "cannot take part: "; null when nothing does or it does not say.</summary>
    private static string? Difference(JobState state, ImmutableArray<EnvironmentItem> found)
    {
        if (found.IsEmpty || state.Environment.IsEmpty)
            return null;
        var expected = state.Environment;
        var name = expected.Select(e => e.Name).Union(found.Select(e => e.Name)).Order(StringComparer.Ordinal).FirstOrDefault(n => Value(expected, n) != Value(found, n));
        return name is null ? null : $"{name} is {Value(found, name)}; the job's ranks have {Value(expected, name)}";

        static string Value(ImmutableArray<EnvironmentItem> items, string name) => items.FirstOrDefault(i => i.Name == name)?.Value ?? "none";
    }

    /// <summary>One that would compute other bits is no member; its worker is not asked again until it is another process.</summary>
    private JobTransition Refuse(JobState state, RankSeat seat, string incarnation, string difference, DateTimeOffset now)
    {
        var text = $"worker {seat.WorkerId} cannot take part: {difference}";
        var refused = state.Refused.RemoveAll(r => r.WorkerId == seat.WorkerId).Add(new RefusedWorker(seat.WorkerId, incarnation));
        state = state with { Refused = refused };
        if (seat.Rank >= 0)
            return LoseSeats(state, [seat], new Loss("KD-V101", text) { MayLive = true, IsOrderly = true }, now);
        state = state.Without([seat.Member]).Noted(now, "KD-V101", text);
        return JobTransition.Move(state.IsHolding ? state with { Reason = HoldReason(state) } : state, [.. Kill(state, [seat])]);
    }
}
