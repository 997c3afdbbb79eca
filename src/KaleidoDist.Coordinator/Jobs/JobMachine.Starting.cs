using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// How a job begins from nothing or from a checkpoint: find it, number the generation, get slots, start rank processes, and when all of
/// them are ready tell them each other.
/// </summary>
internal sealed partial class JobMachine
{
    private static JobTransition Prepare(JobState state, JobPhase phase, string reason)
        => JobTransition.Move(
            Deserted(state) with { Phase = phase, Wait = JobWait.Checkpoint, Reason = reason },
            [.. StopEverywhere(state, withCheckpoint: false), new JobEffect.FindCheckpoint(state.RunDirectory)]);

    /// <summary>The job without anything that belongs to rank processes.</summary>
    private static JobState Deserted(JobState state) => state with
    {
        Seats = [],
        Joiners = [],
        Leavers = [],
        Formation = null,
        Interruption = null,
        Quarrel = null,
        Leaving = [],
        Deadline = null,
        ReattachBy = null,
    };

    private JobTransition BaseFound(JobState state, JobCommand.CheckpointFound found, DateTimeOffset now)
    {
        if (state.Wait != JobWait.Checkpoint)
            return JobTransition.Ignored(state, "no checkpoint was asked for");
        if (found.AskedSeq != state.ResumeSeq)
            return JobTransition.Ignored(state, "another checkpoint was asked for meanwhile");
        var chosen = found.Checkpoints is [.., var newest] ? newest : null;
        state = found.Damages.Aggregate(state, (s, damage) => s.Noted(now, "KD-S110", damage));
        if (chosen is null && found.Damages.Length > 0)
            return Fail(state, $"no checkpoint in '{state.Spec.Checkpoint.Root}' is valid: {string.Join("; ", found.Damages)}. Restore the folder from a copy, or name an empty checkpoint.uri to start over.", now);

        if (state.Spec.Checkpoint.SingleWriter)
            state = state.Noted(now, "KD-S121", $"checkpoint.single_writer: nobody but this coordinator may commit to '{state.Spec.Checkpoint.Root}'; a second one would not be noticed");
        var from = chosen?.Step ?? 0;
        if (state.Step > from && !state.IsExtraction)
            state = state.Noted(now, "KD-R101", $"going on from {Place(chosen)}; {Count(state.Step - from, "step")} will be repeated");
        else if (chosen is not null)
            state = state.Noted(now, "KD-R101", $"going on from {Place(chosen)}");
        state = WithoutUnfinishedSave(state, found.Checkpoints, now).Keeping(found.Checkpoints) with
        {
            Base = chosen,
            BaseAttempt = 0,
            Head = found.Head,
            Step = from,
            Generation = Math.Max(state.Generation, found.HighestGeneration) + 1,
            Environment = [],
            Refused = [],
        };
        if (chosen is not null)
            state = state.Checked(new CheckpointCheck(chosen.Seq, now, null)); // all its bytes were read to find it
        if (from >= state.Extent.TotalSteps)
            return Finish(state, JobPhase.Succeeded, $"all {Count(state.Extent.TotalSteps, "step")} are done", "", now);
        if (state.StopAfterStep > 0 && from >= state.StopAfterStep)
            return Rest(state, now);
        return JobTransition.Move(state with { Wait = JobWait.Slots, Reason = $"waiting for {Count(state.MaxWorld, "slot")}", Deadline = now + rules.GatherTime });
    }

    private static JobTransition PreparationFailed(JobState state, JobCommand.PreparationFailed failed, DateTimeOffset now)
        => state.Phase.IsAtRest()
            ? JobTransition.Ignored(state, "nothing is being prepared")
            : Fail(state with { ResumeSeq = 0 }, failed.Error, now);

    private JobTransition Begin(JobState state, ImmutableArray<SlotSeat> slots, DateTimeOffset now)
    {
        var starting = state with
        {
            Phase = JobPhase.Starting,
            Wait = JobWait.None,
            Seats = [.. slots.Select((s, rank) => new RankSeat(rank, s.Member, s.WorkerId, s.Host) { HasState = true })],
            Deadline = now + rules.StartTimeout,
            Reason = $"starting {Count(slots.Length, "rank")} on {Count(slots.Select(s => s.WorkerId).Distinct().Count(), "worker")}",
        };
        return JobTransition.Move(starting.Noted(now, "", $"generation {state.Generation}: {starting.Reason}"), Starts(starting, starting.Seats, joining: false));
    }

    private static ReadOnlySpan<JobEffect> Starts(JobState state, IEnumerable<RankSeat> seats, bool joining)
        => seats
            .GroupBy(s => s.WorkerId)
            .OrderBy(w => w.Key, StringComparer.Ordinal)
            .Select(w => (JobEffect)new JobEffect.StartRanks(w.Key, state.Generation, [.. w.Select(s => s.Member)], joining ? 0 : state.Base?.Seq ?? 0, joining))
            .ToArray();

    private JobTransition RankReady(JobState state, JobCommand.RankReady ready, DateTimeOffset now)
    {
        var seat = state.Find(ready.Member, ready.WorkerId)!;
        if (Difference(state, ready.Environment) is { } difference)
            return Refuse(state, seat, ready.Incarnation, difference, now);
        if (state.Environment.IsEmpty)
            state = state with { Environment = ready.Environment };
        if (ready.AwaitsDonor && seat.Life == RankLife.Copying)
            return DonateAgain(state, seat, now);
        if (seat.Life != RankLife.Starting)
            return JobTransition.Passing(state, $"{seat.Name} is known to be ready");
        state = state.With(seat with { Life = RankLife.Ready, Endpoint = ready.Endpoint, ProcessId = ready.ProcessId, Attached = true, Until = null });
        return FormWhenReady(state, now) ?? JobTransition.Move(state);
    }

    /// <summary>The first generation, once every rank of it is ready; null before, and for later generations.</summary>
    private JobTransition? FormWhenReady(JobState state, DateTimeOffset now)
    {
        if (state is not { Phase: JobPhase.Starting, Formation: null } || state.Seats.IsEmpty || state.Seats.Any(s => s.Life != RankLife.Ready || !s.Attached))
            return null;
        var forming = state with
        {
            Formation = new Formation(AtBorder: false, Stop: false, WorldBefore: 0, now + rules.FormTimeout),
            Deadline = null,
            Reason = $"{Count(state.Seats.Length, "rank")} {(state.Seats.Length == 1 ? "forms" : "form")} generation {state.Generation}",
        };
        return JobTransition.Move(forming, Introductions(forming));
    }

    private JobTransition NotReadyInTime(JobState state, DateTimeOffset now)
    {
        var late = state.Seats.Where(s => s.Life == RankLife.Starting).ToImmutableArray();
        if (late.IsEmpty)
            return JobTransition.Passing(state with { Deadline = null }, "all ranks are ready");
        return LoseSeats(state with { Deadline = null }, late, new Loss("KD-W111", $"not ready within {Seconds(rules.StartTimeout)}: {Ranks(late)}") { IsFailure = true, MayLive = true }, now);
    }

    private static string Place(CheckpointEntry? entry) => entry is null ? "the beginning" : $"step {entry.Step} (checkpoint {entry.Seq})";
}
