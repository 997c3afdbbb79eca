using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// How a job goes on from memory when members are lost: the survivors, in the order of their old ranks, are the next generation. Too few
/// of them hold their state and wait for slots; only when none is left the job goes back to a checkpoint.
/// </summary>
internal sealed partial class JobMachine
{
    /// <summary>Why members are lost.</summary>
    private readonly record struct Loss(string Code, string Text)
    {
        /// <summary>The job's own fault, counted against its budget; otherwise the machines'.</summary>
        public bool IsFailure { get; init; }

        /// <summary>Nothing failed: they leave because somebody wished it, or have no part in the job.</summary>
        public bool IsOrderly { get; init; }

        /// <summary>Their processes may live and are ended.</summary>
        public bool MayLive { get; init; }

        /// <summary>A step they are known to have applied.</summary>
        public long Step { get; init; }
    }

    private JobTransition LoseSeats(JobState state, ImmutableArray<RankSeat> lost, Loss loss, DateTimeOffset now)
    {
        if (state.Wait == JobWait.Exits)
            return GoneWhileDraining(state, lost, now);
        state = state.Noted(now, loss.Code, loss.Text) with { LastError = loss.Text, Failures = state.Failures + (loss.IsOrderly ? 0 : 1) };
        if (loss.IsFailure)
        {
            state = state with { RankFailures = state.RankFailures + 1, FailedStep = Math.Max(state.Step, loss.Step) + 1 };
            if (state.RankFailures > rules.RankFailureBudget)
                return Fail(state, $"{loss.Text} (after {Count(rules.RankFailureBudget, "failure")} without a new step)", now);
        }

        var kills = loss.MayLive ? Kill(state, lost) : [];
        return GoOn(state.Without([.. lost.Select(s => s.Member)]), loss.Text, now).After(kills);
    }

    /// <summary>Members were taken out: who is left goes on, waits, or there is nobody.</summary>
    private JobTransition GoOn(JobState state, string cause, DateTimeOffset now)
    {
        var aboard = state.Aboard.Count();
        if (!state.Aboard.Any(s => s.HasState))
            return GoBack(state, cause, now); // joiners that were taken along without a state have nobody left to get it from
        if (state.IsHolding || (aboard < state.Spec.Workers.Min && !IsWindingDown(state)))
            return Hold(state, now);
        return state is { Phase: JobPhase.Starting, Formation: null }
            ? FormWhenReady(state, now) ?? JobTransition.Move(state)
            : Regroup(state, cause, now);
    }

    /// <summary>Whether all that is left to do is a checkpoint, which any one member can write.</summary>
    private static bool IsWindingDown(JobState state)
        => state.Stop != StopWish.None || state.Step >= state.Extent.TotalSteps || (state.StopAfterStep > 0 && state.Step >= state.StopAfterStep);

    /// <summary>The next generation, at once: the step in flight is given up and done again by it.</summary>
    private JobTransition Regroup(JobState state, string cause, DateTimeOffset now)
    {
        var ending = state.Stop != StopWish.None;
        var members = state.Aboard.Concat(Additions(state)).Take(state.MaxWorld).ToImmutableArray();
        var next = NextGeneration(state, members, cause, now) with
        {
            Phase = JobPhase.Recovering,
            Wait = JobWait.None,
            Formation = new Formation(AtBorder: false, ending, WorldBefore: 0, now + rules.FormTimeout),
            Deadline = ending ? state.Deadline ?? now + rules.StopGrace : null,
            Reason = cause,
        };
        next = next.Noted(now, "", $"generation {next.Generation}: {Count(members.Length, "rank")} {(members.Length == 1 ? "goes" : "go")} on from memory");
        if (!ending)
            return JobTransition.Move(next, Introductions(next));
        var unwanted = next.Joiners;
        return JobTransition.Move(next with { Joiners = [] }, Introductions(next)).After(Kill(next, unwanted));
    }

    /// <summary>Joiners that a broken generation takes along: those that have the state; when it is too small also those that have not, which then get it from all at once.</summary>
    private static IEnumerable<RankSeat> Additions(JobState state)
    {
        if (IsWindingDown(state))
            return [];
        var ready = state.Joiners.Where(j => j is { Attached: true, Endpoint: not null });
        return state.Aboard.Count() < state.Spec.Workers.Min ? ready.OrderByDescending(j => j.Life).ThenBy(j => j.Member) : ready.Where(j => j.Life == RankLife.CaughtUp);
    }

    /// <summary>The state with a newer generation of these members, which nobody has formed yet.</summary>
    private static JobState NextGeneration(JobState state, ImmutableArray<RankSeat> members, string cause, DateTimeOffset now)
    {
        var generation = state.Generation + 1;
        return state with
        {
            Generation = generation,
            Seats = JobState.Dealt(members.Select(m => m with { Life = RankLife.Ready, Formed = false, IsNew = m.Rank < 0 || (m.IsNew && !m.Formed), Donor = 0, Until = null })),
            Joiners = state.Joiners.RemoveAll(j => members.Any(m => m.Member == j.Member)),
            Interruption = null,
            Regroups = state.Regroups + 1,
            LastChange = new MembershipChange(generation, cause, state.Interruption?.FirstAt ?? now),
        };
    }

    /// <summary>Too few members: they keep their state and wait for slots.</summary>
    private static JobTransition Hold(JobState state, DateTimeOffset now)
    {
        var holding = state with { Phase = JobPhase.Recovering, Wait = JobWait.Slots, Formation = null, Interruption = null, Deadline = null };
        holding = holding with { Reason = HoldReason(holding) };
        return JobTransition.Move(state.IsHolding ? holding : holding.Noted(now, "KD-R111", holding.Reason));
    }

    private static string HoldReason(JobState state)
    {
        var held = state.Aboard.Count();
        var coming = state.Joiners.Length;
        var missing = state.Spec.Workers.Min - held - coming;
        var wait = missing > 0 ? $"{missing} more {(missing == 1 ? "slot" : "slots")}" : Count(coming, "rank process").Replace("processs", "processes", StringComparison.Ordinal);
        return $"waiting for {wait}; {Count(held, "rank")} {(held == 1 ? "holds" : "hold")} step {state.Step} in memory";
    }

    /// <summary>Members that wait go on once there are enough; null before.</summary>
    private JobTransition? RegroupWhenEnough(JobState state, DateTimeOffset now)
    {
        if (!state.IsHolding || state.Aboard.Any(s => s.Life != RankLife.Ready || !s.Attached))
            return null;
        var count = state.Aboard.Count() + Additions(state).Count();
        if (count < state.Spec.Workers.Min && !IsWindingDown(state))
            return null;
        return Regroup(state with { GrowPause = TimeSpan.Zero }, $"{Count(count, "rank")} are enough to go on", now);
    }

    /// <summary>The order to form the present generation, for every worker that has to do with it.</summary>
    private static ReadOnlySpan<JobEffect> Introductions(JobState state)
        => state.Aboard.Concat(state.Leavers).Select(s => s.WorkerId).Distinct().Order(StringComparer.Ordinal).Select(w => (JobEffect)Introduction(state, w)).ToArray();

    private static JobEffect.FormGeneration Introduction(JobState state, string workerId)
        => new(
            workerId, state.Generation, [.. state.Seats.Select(s => new GenerationMember(s.Rank, s.Member, s.WorkerId, s.Host, s.Endpoint!))],
            state.Formation?.AtBorder ?? false, state.Formation?.Stop ?? false);

    private JobTransition RankFormed(JobState state, JobCommand.RankFormed formed, DateTimeOffset now)
    {
        if (state.Formation is not { } formation || state.Seats.FirstOrDefault(s => s.Member == formed.Member) is not { Formed: false } seat)
            return JobTransition.Passing(state, $"it is known that member {formed.Member} formed generation {formed.Generation}");
        state = state.With(seat with { Formed = true, HasState = true }) with
        {
            Step = Math.Max(state.Step, formed.Step),
            Formation = formation with { By = formation.By ?? now + rules.FormTimeout },
        };
        return state.Aboard.All(s => s.Formed) ? Formed(state, now) : JobTransition.Passing(state, $"{seat.Name} formed generation {formed.Generation}");
    }

    /// <summary>All members formed the generation: it trains.</summary>
    private JobTransition Formed(JobState state, DateTimeOffset now)
    {
        var formation = state.Formation!;
        if (state.Save?.Generation < state.Generation)
            state = WithoutUnfinishedSave(state, [], now);
        var running = state with
        {
            Phase = JobPhase.Running,
            Seats = [.. state.Seats.Select(s => s with { Formed = true, IsNew = false, HasState = true })],
            Leavers = [],
            Formation = null,
            Interruption = null,
            Reason = state.Stop == StopWish.None ? $"{(state.IsExtraction ? "extracting" : "training")} on {Count(state.Seats.Length, "rank")}" : StopReason(state.Stop),
            Deadline = state.Stop == StopWish.None ? null : state.Deadline ?? now + rules.StopGrace,
            StartedAt = state.StartedAt ?? now,
        };
        // One that is still to leave may have missed the order that told it so.
        ImmutableArray<JobEffect> reminders = [.. state.Leavers.Select(l => l.WorkerId).Distinct().Order(StringComparer.Ordinal).Select(w => Introduction(state, w))];
        return state.Stop == StopWish.None || formation.Stop
            ? JobTransition.Move(running, [.. reminders])
            : JobTransition.Move(running, [.. reminders, .. StopEverywhere(running, withCheckpoint: true)]);
    }

    private JobTransition FormationTimedOut(JobState state, DateTimeOffset now)
    {
        var late = state.Aboard.Where(s => !s.Formed).ToImmutableArray();
        return late.IsEmpty
            ? Formed(state, now)
            : LoseSeats(state, late, new Loss("KD-W111", $"{Ranks(late)} did not form generation {state.Generation} within {Seconds(rules.FormTimeout)}") { IsFailure = true, MayLive = true }, now);
    }

    /// <summary>The border that a generation waits for will never come: its members give the step in flight up.</summary>
    private JobTransition GiveBorderUp(JobState state, DateTimeOffset now)
    {
        var next = state with { Phase = JobPhase.Recovering, Formation = state.Formation! with { AtBorder = false, WorldBefore = 0, By = now + rules.FormTimeout } };
        return JobTransition.Move(next, Introductions(next));
    }
}
