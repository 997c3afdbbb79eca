namespace KaleidoDist.Coordinator;

/// <summary>
/// Checkpoints: only the current generation proposes, every commit's parent is the checkpoint this generation started from or last
/// committed, and the rank hears of it after the state is written.
/// </summary>
internal sealed partial class JobMachine
{
    private static JobTransition CheckpointProposed(JobState state, JobCommand.CheckpointProposed proposed)
    {
        var draft = proposed.Draft;
        if (state.Phase != JobPhase.Running)
            return Refused($"the job is {Word(state.Phase)}");
        if (state.Base is { } parent)
        {
            if (parent.Generation == state.Generation && parent.Step == draft.Step && state.BaseAttempt == draft.Attempt)
                return JobTransition.Passing(state, "this proposal is committed already", Verdict(proposed, parent.Seq, ""));
            if (draft.Step < parent.Step)
                return Refused($"step {draft.Step} is older than {Place(parent)}");
        }

        return JobTransition.Passing(
            state,
            $"rank {proposed.Rank} wrote step {draft.Step}",
            new JobEffect.CommitCheckpoint(state.Generation, proposed.Rank, proposed.WorkerId, draft, state.Head, state.Seats.Length));

        JobTransition Refused(string why) => JobTransition.Passing(state, why, Refusal(proposed, why));
    }

    private static JobTransition CheckpointCommitted(JobState state, JobCommand.CheckpointCommitted committed, DateTimeOffset now)
    {
        var entry = committed.Entry;
        state = (state with
        {
            Base = entry,
            BaseAttempt = committed.Attempt,
            Head = committed.Head,
            Checkpoints = [.. state.Checkpoints.Where(c => c.Seq != entry.Seq), entry],
            RankFailures = 0,
            WorkerFailures = 0,
        }).Noted(now, "", $"checkpoint {entry.Seq}: step {entry.Step} ({entry.Kind})");
        return JobTransition.Move(
            state,
            new JobEffect.SendVerdict(committed.Generation, committed.Rank, committed.WorkerId, entry.Step, committed.Attempt, entry.Seq, ""),
            new JobEffect.Retain(state.Generation, state.Head, state.Seats.Length));
    }

    private JobTransition CheckpointRefused(JobState state, JobCommand.CheckpointRefused refused, DateTimeOffset now)
    {
        var verdict = new JobEffect.SendVerdict(refused.Generation, refused.Rank, refused.WorkerId, refused.Step, refused.Attempt, 0, refused.Error);
        if (!refused.LostLineage)
            return JobTransition.Move(state.Noted(now, "KD-S104", $"step {refused.Step} was not saved: {refused.Error}"), verdict);
        var recovery = Recover(state, $"step {refused.Step} was not saved: {refused.Error}", "KD-C120", Blame.Rank, now);
        return recovery with { Effects = [verdict, .. recovery.Effects] };
    }

    private static JobTransition CheckpointsRemoved(JobState state, JobCommand.CheckpointsRemoved removed)
        => JobTransition.Passing(
            state with { Checkpoints = [.. state.Checkpoints.Where(c => !removed.Seqs.Contains(c.Seq))] },
            $"{Count(removed.Seqs.Length, "old checkpoint")} removed");

    private static JobEffect.SendVerdict Refusal(JobCommand.CheckpointProposed proposed, string why) => Verdict(proposed, 0, why);

    private static JobEffect.SendVerdict Verdict(JobCommand.CheckpointProposed proposed, long seq, string error)
        => new(proposed.Generation, proposed.Rank, proposed.WorkerId, proposed.Draft.Step, proposed.Draft.Attempt, seq, error);
}
