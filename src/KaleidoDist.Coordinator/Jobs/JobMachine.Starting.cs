using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>How a generation begins: find the checkpoint, number the generation, get slots, start ranks, introduce them.</summary>
internal sealed partial class JobMachine
{
    private static JobTransition Prepare(JobState state, JobPhase phase, string reason)
        => JobTransition.Move(
            state with { Phase = phase, Wait = JobWait.Checkpoint, Reason = reason, Seats = [], Deadline = null, ReattachBy = null },
            new JobEffect.FindCheckpoint(state.RunDirectory));

    private JobTransition BaseFound(JobState state, JobCommand.CheckpointFound found, DateTimeOffset now)
    {
        if (state.Wait != JobWait.Checkpoint)
            return JobTransition.Ignored(state, "no checkpoint was asked for");
        var chosen = found.Checkpoints is [.., var newest] ? newest : null;
        state = found.Damages.Aggregate(state, (s, damage) => s.Noted(now, "KD-S110", damage));
        if (chosen is null && found.Damages.Length > 0)
            return Fail(state, $"no checkpoint in '{state.RunDirectory}' is valid: {string.Join("; ", found.Damages)}. Restore the folder from a copy, or name an empty checkpoint.uri to start over.", now);

        var from = chosen?.Step ?? 0;
        if (state.Step > from)
            state = state.Noted(now, "KD-R101", $"going on from {Place(chosen)}; {Count(state.Step - from, "step")} will be repeated");
        else if (chosen is not null)
            state = state.Noted(now, "KD-R101", $"going on from {Place(chosen)}");
        state = state with
        {
            Base = chosen,
            BaseAttempt = 0,
            Head = found.Head,
            Checkpoints = found.Checkpoints,
            Step = from,
            Generation = Math.Max(state.Generation, found.HighestGeneration) + 1,
        };
        if (from >= state.Extent.TotalSteps)
            return Finish(state, JobPhase.Succeeded, $"all {Count(state.Extent.TotalSteps, "step")} are done", "", now);
        if (state.StopAfterStep > 0 && from >= state.StopAfterStep)
            return Rest(state, now);
        var workers = state.Spec.Workers;
        return JobTransition.Move(
            state with { Wait = JobWait.Slots, Reason = $"waiting for {workers.Max} slots", Deadline = now + rules.GatherTime },
            Ask(state, workers.Max));
    }

    private static JobTransition PreparationFailed(JobState state, JobCommand.PreparationFailed failed, DateTimeOffset now)
        => state.Phase.IsAtRest()
            ? JobTransition.Ignored(state, "nothing is being prepared")
            : Fail(state, failed.Error, now);

    private JobTransition SlotsGranted(JobState state, JobCommand.SlotsGranted granted, DateTimeOffset now)
    {
        if (state.Wait != JobWait.Slots)
        {
            // A repeated grant of the generation that runs already must not take its slots away.
            return state.Seats.IsEmpty
                ? JobTransition.Ignored(state, "no slots were asked for", new JobEffect.ReleaseSlots(granted.Generation))
                : JobTransition.Ignored(state, "the generation has its slots");
        }

        var seats = granted.Seats.Select(s => new RankSeat(s.Rank, s.WorkerId, s.Host)).OrderBy(s => s.Rank).ToImmutableArray();
        var workers = seats.GroupBy(s => s.WorkerId).OrderBy(g => g.Key, StringComparer.Ordinal).ToImmutableArray();
        var starting = state with
        {
            Phase = JobPhase.Starting,
            Wait = JobWait.None,
            Seats = seats,
            Deadline = now + rules.StartTimeout,
            Reason = $"starting {Count(seats.Length, "rank")} on {Count(workers.Length, "worker")}",
        };
        return JobTransition.Move(
            starting.Noted(now, "", $"generation {state.Generation}: {starting.Reason}"),
            [.. workers.Select(w => new JobEffect.StartRanks(w.Key, state.Generation, seats.Length, [.. w.Select(s => s.Rank)], state.Base?.Seq ?? 0))]);
    }

    private static JobTransition SlotsShort(JobState state, JobCommand.SlotsShort shortage)
    {
        if (state.Wait != JobWait.Slots)
            return JobTransition.Ignored(state, "no slots were asked for");
        var workers = state.Spec.Workers;
        var wanted = shortage.Free < workers.Min ? $"waiting for at least {Count(workers.Min, "slot")}" : $"gathering up to {Count(workers.Max, "slot")}";
        var reason = $"{wanted}; {shortage.Free} {(shortage.Free == 1 ? "is" : "are")} free";
        return JobTransition.Passing(state with { Reason = reason }, reason);
    }

    private static JobTransition RankReady(JobState state, JobCommand.RankReady ready, DateTimeOffset now)
    {
        var seat = state.Seats[ready.Rank];
        if (state.Phase != JobPhase.Starting || seat.Life == RankLife.Gone)
            return JobTransition.Ignored(state, $"rank {ready.Rank} is not awaited");
        state = state.WithSeat(seat with { Life = RankLife.Ready, Endpoint = ready.Endpoint, ProcessId = ready.ProcessId, Attached = true });
        return FormWhenReady(state, now) ?? JobTransition.Passing(state, $"rank {ready.Rank} is ready");
    }

    /// <summary>The transition to Running when every rank is ready; null before.</summary>
    private static JobTransition? FormWhenReady(JobState state, DateTimeOffset now)
    {
        if (state.Seats.Any(s => s.Life != RankLife.Ready || !s.Attached))
            return null;
        var running = state with
        {
            Phase = JobPhase.Running,
            Reason = $"training on {Count(state.Seats.Length, "rank")}",
            Deadline = null,
            ReattachBy = null,
            StartedAt = state.StartedAt ?? now,
        };
        return JobTransition.Move(running, [.. running.LiveWorkers().Select(w => Introduction(running, w))]);
    }

    private static JobEffect.FormGeneration Introduction(JobState state, string workerId)
        => new(workerId, state.Generation, [.. state.Seats.Select(s => new RankMember(s.Rank, s.WorkerId, s.Host, s.Endpoint!))]);

    private static string Place(CheckpointEntry? entry) => entry is null ? "the beginning" : $"step {entry.Step} (checkpoint {entry.Seq})";
}
