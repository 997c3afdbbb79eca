using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>The one ask for slots that a job has standing with the pool, kept in step with what the job could use now.</summary>
internal sealed partial class JobMachine
{
    /// <summary>Asks, asks anew, or withdraws; null when what stands is right.</summary>
    private JobTransition? KeepAsking(JobState state, DateTimeOffset now)
    {
        var (standing, wanted) = (state.Ask, Wanted(state, now));
        if (wanted is null)
        {
            // An id that was asked for is never used again, so that a grant on its way cannot be taken for another ask's.
            return standing is null
                ? null
                : JobTransition.Passing(state with { Ask = null, NextMember = state.NextMember + 1 }, "no slots are needed", new JobEffect.WithdrawAsk(standing.FirstMember));
        }

        return standing is not null && standing with { At = now } == wanted && now - standing.At < rules.AskAgain
            ? null
            : JobTransition.Passing(
                state with { Ask = wanted }, "slots are asked for", new JobEffect.AcquireSlots(wanted.FirstMember, wanted.Need, wanted.Max, wanted.Growth, wanted.Avoid));
    }

    private static StandingAsk? Wanted(JobState state, DateTimeOffset now)
    {
        var workers = state.Spec.Workers;
        if (state.Wait == JobWait.Slots && state.Seats.IsEmpty)
            return new StandingAsk(state.NextMember, state.Deadline is null ? workers.Min : state.MaxWorld, state.MaxWorld, Growth: false, state.Refused, now);
        if (state.ReattachBy is not null || IsWindingDown(state) || !state.Aboard.Any())
            return null;
        var have = state.Aboard.Count() + state.Joiners.Length;
        var room = state.MaxWorld - have;
        var mayGrow = now >= (state.GrowAfter ?? now);
        if (room <= 0 || !mayGrow)
            return null;
        if (state.IsHolding)
            return new StandingAsk(state.NextMember, Math.Max(1, workers.Min - have), room, Growth: have >= workers.Min, state.Refused, now);
        return state.Phase == JobPhase.Running || state is { Phase: JobPhase.Recovering, Formation: not null }
            ? new StandingAsk(state.NextMember, 1, room, Growth: true, state.Refused, now)
            : null;
    }

    private JobTransition SlotsGranted(JobState state, JobCommand.SlotsGranted granted, DateTimeOffset now)
    {
        if (state.Ask?.FirstMember != granted.FirstMember)
            return JobTransition.Ignored(state, "these slots were dealt to an ask that does not stand any more");
        var room = state.Wait == JobWait.Slots && state.Seats.IsEmpty ? state.MaxWorld : state.MaxWorld - state.Aboard.Count() - state.Joiners.Length;
        var taken = granted.Seats.Where(s => !state.Leaving.Contains(s.WorkerId)).Take(Math.Max(0, room)).ToImmutableArray();
        var given = granted.Seats.RemoveAll(taken.Contains);
        state = state with { Ask = null, NextMember = Math.Max(state.NextMember, granted.Seats.Select(s => s.Member).DefaultIfEmpty().Max() + 1) };
        ImmutableArray<JobEffect> surplus = given.IsEmpty ? [] : [new JobEffect.ReturnSlots(given)];
        return taken.IsEmpty ? JobTransition.Move(state, [.. surplus])
            : state.Seats.IsEmpty ? Begin(state, taken, now).After(surplus)
            : Join(state, taken, now).After(surplus);
    }

    private static JobTransition SlotsShort(JobState state, JobCommand.SlotsShort shortage)
    {
        if (state.Ask?.FirstMember != shortage.FirstMember || state.Wait != JobWait.Slots || !state.Seats.IsEmpty)
            return JobTransition.Passing(state, "no slots are waited for");
        var min = state.Spec.Workers.Min;
        var wanted = shortage.Free < min ? $"waiting for at least {Count(min, "slot")}" : $"gathering up to {Count(state.MaxWorld, "slot")}";
        var reason = $"{wanted}; {shortage.Free} {(shortage.Free == 1 ? "is" : "are")} free";
        return JobTransition.Passing(state.Reason == reason ? state : state with { Reason = reason }, reason);
    }
}
