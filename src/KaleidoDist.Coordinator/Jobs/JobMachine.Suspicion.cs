using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Who is at fault when a generation breaks and no death is known. Ranks that say so are alive, and so are those that still compute; those
/// that give no sign of life are taken for hung. Where nobody hangs, a connection broke and all stay. A suspect worker that a peer has lost
/// too is gone.
/// </summary>
internal sealed partial class JobMachine
{
    /// <summary>Two reports of silence further apart than this are two episodes.</summary>
    private static readonly TimeSpan SilenceEpisode = TimeSpan.FromSeconds(3);

    private JobTransition RankInterrupted(JobState state, JobCommand.RankInterrupted interrupted, DateTimeOffset now)
    {
        if (interrupted.Generation != state.Generation)
            return InterruptedBefore(state, interrupted, now);
        if (state.Wait != JobWait.None || (state.Formation is null && state.Phase != JobPhase.Running) || state.Aboard.All(s => s.Member != interrupted.Member))
            return JobTransition.Passing(state, "that the generation broke is known");
        ImmutableArray<long> unreachable = [.. interrupted.Unreachable.Select(MemberAt).Where(m => m != 0 && m != interrupted.Member)];
        return Heard(state, new InterruptionReport(interrupted.Member, interrupted.Step, MemberAt(interrupted.LostRank), interrupted.Cause) { Unreachable = unreachable }, now);

        long MemberAt(int rank) => rank >= 0 && rank < state.Seats.Length ? state.Seats[rank].Member : 0;
    }

    private JobTransition Heard(JobState state, InterruptionReport report, DateTimeOffset now)
        => Judge(state with { Interruption = (state.Interruption ?? new Interruption(now, [])).With(report) }, [], now);

    /// <summary>An older generation is over anyway; but one that still waits in it may have missed the order to form the present one.</summary>
    private JobTransition InterruptedBefore(JobState state, JobCommand.RankInterrupted interrupted, DateTimeOffset now)
    {
        state = state with { IgnoredMessages = state.IgnoredMessages + 1 };
        var why = OfThePast(state, interrupted.Generation);
        if (state.Formation is null || interrupted.Generation > state.Generation)
            return JobTransition.Passing(state, why);
        if (state.Formation.AtBorder)
            return GiveBorderUp(state, now);
        return state.Seats.Any(s => s.Member == interrupted.Member && !s.Formed)
            ? JobTransition.Passing(state, why, Introduction(state, interrupted.WorkerId))
            : JobTransition.Passing(state, why);
    }

    /// <summary>What an interruption leads to, if anything yet.</summary>
    private JobTransition Judge(JobState state, ImmutableArray<SeenRank> places, DateTimeOffset now)
    {
        var interruption = state.Interruption!;
        if (!state.Aboard.Any())
            return JobTransition.Passing(state with { Interruption = null }, "all ranks ended in order");
        if (interruption.Reports.FirstOrDefault(r => OnSuspect(state, r.Lost) is not null) is { } accusation)
            return SuspectAccused(state, accusation, now);
        var silent = state.Aboard.Where(s => !interruption.HasHeard(s.Member)).ToImmutableArray();
        if (silent.IsEmpty)
            return CutOff(state, interruption, now) ?? AllSpoke(state, interruption, now);
        // Whoever cannot speak now will be back, lost or accused soon.
        var waited = now - interruption.FirstAt;
        if (waited < rules.InterruptGrace || silent.Any(s => !s.Attached || state.Suspects.Contains(s.WorkerId)))
            return JobTransition.Passing(state, $"{Count(silent.Length, "rank")} did not speak yet");
        // A rank that computes notices only at its next collective that its generation broke: saying nothing is no proof, giving no sign of life is.
        var hung = silent.Where(s => s.SilentAt is { } at && now - at <= SilenceEpisode).ToImmutableArray();
        if (!hung.IsEmpty)
        {
            var text = string.Join("; ", hung.Select(s => $"{s.Name} gives no sign of life{PlaceOf(places, s)}, and its peers lost it"));
            return LoseSeats(state, hung, new Loss("KD-W110", text) { IsFailure = true, MayLive = true }, now);
        }

        if (CutOff(state, interruption, now) is { } parted)
            return parted;
        return waited < rules.InterruptLimit
            ? JobTransition.Passing(state, $"{Count(silent.Length, "rank")} did not speak yet")
            : NobodyHangs(state, interruption, silent, now);
    }

    /// <summary>
    /// A way between live members is cut: they cannot train together, so one of them goes. Whoever is at the end of the most cut ways; of
    /// two, the one whose resets reached fewer of the others. Where hosts are cut off from each other, everybody of its host who is cut off from
    /// the same other host goes along. Null when nothing is cut.
    /// </summary>
    private JobTransition? CutOff(JobState state, Interruption interruption, DateTimeOffset now)
    {
        ImmutableArray<Accusation> cuts = [.. interruption.Reports
            .SelectMany(r => r.Unreachable.Select(u => new Accusation(r.Member, u)))
            .Where(c => state.Aboard.Any(s => s.Member == c.By) && state.Aboard.Any(s => s.Member == c.Of))];
        if (cuts.IsEmpty)
            return null;
        var worst = state.Aboard.MaxBy(s => (CutFrom(s).Count(), -ReachedBy(s.Member), s.Rank))!;
        var otherHosts = CutFrom(worst).Select(s => s.Host).Where(host => host != worst.Host).ToHashSet();
        ImmutableArray<RankSeat> removed = [.. state.Aboard.Where(s => s == worst || (s.Host == worst.Host && CutFrom(s).Any(other => otherHosts.Contains(other.Host))))];
        var others = removed.SelectMany(CutFrom).Except(removed).OrderBy(s => s.Rank);
        var text = $"{Names(removed)} and {Names(others)} cannot reach each other ({interruption.Reports.First(r => !r.Unreachable.IsEmpty).Cause}); {Names(removed)} {(removed.Length == 1 ? "is" : "are")} removed";
        return LoseSeats(state with { Quarrel = null }, removed, new Loss("KD-N102", text) { MayLive = true }, now);

        IEnumerable<RankSeat> CutFrom(RankSeat seat)
            => state.Aboard.Where(s => cuts.Any(c => (c.By, c.Of) == (s.Member, seat.Member) || (c.By, c.Of) == (seat.Member, s.Member)));
        static string Names(IEnumerable<RankSeat> seats) => string.Join(", ", seats.Select(s => s.Name));
        int ReachedBy(long member) => interruption.Reports.Count(r => r.Lost == member && r.Unreachable.IsEmpty);
    }

    /// <summary>All form again, those that compute too. Whoever does not answer in two generations without a step between them is removed.</summary>
    private JobTransition NobodyHangs(JobState state, Interruption interruption, ImmutableArray<RankSeat> silent, DateTimeOffset now)
    {
        var again = state.Quarrel is { } before && before.Step >= interruption.Step
            ? silent.Where(s => before.Pairs.Any(p => p.Of == s.Member)).ToImmutableArray()
            : [];
        if (!again.IsEmpty)
            return LoseSeats(state with { Quarrel = null }, again, new Loss("KD-W110", $"{Ranks(again)} did not answer in two generations without a step between them") { IsFailure = true, MayLive = true }, now);
        state = state with { Failures = state.Failures + 1, Quarrel = new Quarrel(interruption.Step, [.. silent.Select(s => new Accusation(interruption.Reports[0].Member, s.Member))]) };
        return Regroup(state.Noted(now, "KD-N110", $"generation {state.Generation} broke: {interruption.Reports[0].Cause}; all form again"), $"generation {state.Generation} broke", now);
    }

    private static RankPlace? PlaceOf(ImmutableArray<SeenRank> places, RankSeat seat) => places.FirstOrDefault(p => p.Member == seat.Member)?.At;

    private static RankSeat? OnSuspect(JobState state, long member) => state.Aboard.FirstOrDefault(s => s.Member == member && state.Suspects.Contains(s.WorkerId));

    private JobTransition SuspectAccused(JobState state, InterruptionReport accusation, DateTimeOffset now)
    {
        var lost = OnSuspect(state, accusation.Lost)!;
        var by = state.Seats.First(s => s.Member == accusation.Member);
        return WorkerLost(state, lost.WorkerId, $"is not heard of, and {by.Name} lost {lost.Name}", now);
    }

    /// <summary>Every member lives: a connection broke. All stay, unless the same one breaks again before a step was made.</summary>
    private JobTransition AllSpoke(JobState state, Interruption interruption, DateTimeOffset now)
    {
        ImmutableArray<Accusation> pairs = [.. interruption.Reports.Where(r => r.Lost != 0 && r.Lost != r.Member).Select(r => new Accusation(r.Member, r.Lost))];
        var before = state.Quarrel is { } quarrel && quarrel.Step >= interruption.Step ? quarrel : null;
        if (before is not null && pairs.Any(p => before.Pairs.Any(p.IsAbout)))
            return RemoveMostAccused(state, [.. before.Pairs, .. pairs], now);
        if (before is not null && state.RankFailures >= rules.RankFailureBudget)
            return Fail(state, $"generation {state.Generation} broke again ({interruption.Reports[0].Cause}); {Count(rules.RankFailureBudget, "generation")} in a row made no step", now);
        var text = pairs.IsEmpty
            ? $"generation {state.Generation} broke, and all its ranks live: {interruption.Reports[0].Cause}"
            : $"the connection between {NameOf(state, pairs[0].By)} and {NameOf(state, pairs[0].Of)} broke: {interruption.Reports.First(r => r.Lost != 0).Cause}";
        state = state with { Failures = state.Failures + 1, Quarrel = new Quarrel(interruption.Step, pairs) };
        if (before is not null)
            state = state with { RankFailures = state.RankFailures + 1, FailedStep = Math.Max(state.Step, interruption.Step) + 1 };
        return Regroup(state.Noted(now, "KD-N110", text), text, now);
    }

    private JobTransition RemoveMostAccused(JobState state, ImmutableArray<Accusation> pairs, DateTimeOffset now)
    {
        var worst = state.Aboard.MaxBy(s => (pairs.Count(p => p.Of == s.Member), s.Rank))!;
        var text = $"{worst.Name} cannot keep its connections: the same one broke in two generations without a step between them; it is removed";
        return LoseSeats(state with { Quarrel = null }, [worst], new Loss("KD-N102", text) { MayLive = true }, now);
    }

    private static string NameOf(JobState state, long member) => state.Seats.FirstOrDefault(s => s.Member == member)?.Name ?? $"member {member}";

    private JobTransition RankSilent(JobState state, JobCommand.RankSilent silent, DateTimeOffset now)
    {
        var seat = state.Find(silent.Member, silent.WorkerId)!;
        var isOver = silent.Silence >= (state.Spec.Workers.HangTimeout ?? (silent.IsStopped ? rules.StoppedLimit : rules.SilenceLimit));
        var text = $"{seat.Name} gives no sign of life{silent.At}{(silent.IsStopped ? " (its process is stopped)" : "")}";
        if (isOver && seat.IsAboard && state.Wait != JobWait.Exits)
        {
            return seat.Rank < 0
                ? LoseJoiners(state, [seat], text, mayLive: true, now)
                : LoseMember(state, seat, new Loss("KD-W110", text) { IsFailure = true, MayLive = true, Step = silent.At.Step }, now);
        }

        var isNew = seat.SilentAt is not { } before || now - before > SilenceEpisode;
        state = state.With(seat with { SilentAt = now });
        return JobTransition.Passing(isNew ? state.Noted(now, "KD-W110", text) : state, text);
    }

    private JobTransition RankStuck(JobState state, JobCommand.RankStuck stuck, DateTimeOffset now)
    {
        var seat = state.Find(stuck.Member, stuck.WorkerId)!;
        var text = $"{seat.Name} has been{stuck.At} for {Seconds(stuck.Stay)} while its peers wait for it";
        return stuck.IsOver && seat is { IsAboard: true, Rank: >= 0 } && state is { Phase: JobPhase.Running, Wait: JobWait.None }
            ? LoseMember(state, seat, new Loss("KD-W112", $"{text}; it is removed") { IsFailure = true, MayLive = true, Step = stuck.At.Step }, now)
            : JobTransition.Passing(state.Noted(now, "KD-W112", text), text);
    }

    private JobTransition WorkerSuspected(JobState state, JobCommand.WorkerSuspected suspected, DateTimeOffset now)
    {
        var known = state.Suspects.Contains(suspected.WorkerId);
        if (suspected.Why is null)
            return JobTransition.Passing(known ? state with { Suspects = state.Suspects.Remove(suspected.WorkerId) } : state, $"{suspected.WorkerId} is well");
        if (!known)
            state = state with { Suspects = state.Suspects.Add(suspected.WorkerId) };
        return state.Interruption is null ? JobTransition.Passing(state, $"{suspected.WorkerId} is suspect: {suspected.Why}") : Judge(state, [], now);
    }
}
