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
        // A rank that formed its generation has peers that did so too, even if their word is still on its way.
        if (state.Seats.FirstOrDefault(s => s.Member == proposed.Member) is not { Formed: true } seat || state.Wait != JobWait.None)
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
            $"{seat.Name} wrote step {draft.Step}",
            new JobEffect.CommitCheckpoint(state.Generation, proposed.Member, proposed.WorkerId, draft, state.Head, state.Seats.Length));

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
            Step = Math.Max(state.Step, entry.Step),
            RankFailures = entry.Step > state.FailedStep ? 0 : state.RankFailures,
        }).Noted(now, "", $"checkpoint {entry.Seq}: step {entry.Step} ({entry.Kind})");
        return JobTransition.Move(
            state,
            new JobEffect.SendVerdict(committed.Generation, committed.Member, committed.WorkerId, entry.Step, committed.Attempt, entry.Seq, ""),
            new JobEffect.Retain(state.Generation, state.Head, state.Seats.Length));
    }

    private JobTransition CheckpointRefused(JobState state, JobCommand.CheckpointRefused refused, DateTimeOffset now)
    {
        var verdict = new JobEffect.SendVerdict(refused.Generation, refused.Member, refused.WorkerId, refused.Step, refused.Attempt, 0, refused.Error);
        if (!refused.LostLineage)
            return JobTransition.Move(state.Noted(now, "KD-S104", $"step {refused.Step} was not saved: {refused.Error}"), verdict);
        var why = $"step {refused.Step} was not saved: {refused.Error}";
        return LoseLineage(state.Noted(now, "KD-C120", why) with { LastError = why }, why, now).After([verdict]);
    }

    /// <summary>The state in memory continues a history that is not the newest any more.</summary>
    private JobTransition LoseLineage(JobState state, string why, DateTimeOffset now)
    {
        state = state with { RankFailures = state.RankFailures + 1, FailedStep = state.Step + 1 };
        return state.RankFailures > rules.RankFailureBudget
            ? Fail(state, $"{why} (after {Count(rules.RankFailureBudget, "failure")} without a new step)", now)
            : GoBack(state, why, now);
    }

    private static JobTransition CheckpointsRemoved(JobState state, JobCommand.CheckpointsRemoved removed)
        => JobTransition.Passing(
            state with { Checkpoints = [.. state.Checkpoints.Where(c => !removed.Seqs.Contains(c.Seq))] },
            $"{Count(removed.Seqs.Length, "old checkpoint")} removed");

    private static JobEffect.SendVerdict Refusal(JobCommand.CheckpointProposed proposed, string why) => Verdict(proposed, 0, why);

    private static JobEffect.SendVerdict Verdict(JobCommand.CheckpointProposed proposed, long seq, string error)
        => new(proposed.Generation, proposed.Member, proposed.WorkerId, proposed.Draft.Step, proposed.Draft.Attempt, seq, error);
}
