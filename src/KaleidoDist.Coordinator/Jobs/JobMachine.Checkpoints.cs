namespace KaleidoDist.Coordinator;

/// <summary>
/// Checkpoints: only the generation that trains proposes, every commit's parent is the checkpoint this job started from or last
/// committed, and the rank hears of it after the state is written.
/// </summary>
internal sealed partial class JobMachine
{
    private static JobTransition CheckpointProposed(JobState state, JobCommand.CheckpointProposed proposed)
    {
        var draft = proposed.Draft;
        if (!IsTraining(state, proposed))
        {
            return Refused(state, proposed, proposed.Generation == state.Generation ? $"the job is {Word(state.Phase)}" : OfThePast(state, proposed.Generation));
        }

        if (state.Base is { } parent)
        {
            if (parent.Generation == proposed.Generation && parent.Step == draft.Step && state.BaseAttempt == draft.Attempt)
                return JobTransition.Passing(state, "this proposal is committed already", Verdict(proposed, parent.Seq, ""));
            if (draft.Step < parent.Step)
                return Refused(state, proposed, $"step {draft.Step} is older than {Place(parent)}");
        }

        return JobTransition.Passing(
            state,
            $"member {proposed.Member} wrote step {draft.Step}",
            new JobEffect.CommitCheckpoint(proposed.Generation, proposed.Member, proposed.WorkerId, draft, state.Head, WorldSizeOf(state, proposed.Generation)));
    }

    /// <summary>
    /// Whether the proposal is of the generation that trains: the present one (a rank that formed it has peers that did so too, even if
    /// their word is still on its way), or until the border the one before it.
    /// </summary>
    private static bool IsTraining(JobState state, JobCommand.CheckpointProposed proposed)
    {
        if (state.Wait != JobWait.None)
            return false;
        return proposed.Generation == state.Generation
            ? state.Seats.Any(s => s.Member == proposed.Member && s.Formed)
            : state.Formation is { AtBorder: true } && proposed.Generation == state.Generation - 1 && !state.Seats.Any(s => s.Formed || (s.Member == proposed.Member && s.IsNew));
    }

    private static int WorldSizeOf(JobState state, long generation)
        => generation == state.Generation ? state.Seats.Length : state.Formation?.WorldBefore ?? state.Seats.Length;

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
            new JobEffect.Retain(committed.Generation, state.Head, WorldSizeOf(state, committed.Generation)));
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

    private static JobTransition Refused(JobState state, JobCommand.CheckpointProposed proposed, string why)
        => JobTransition.Ignored(state, why, Verdict(proposed, 0, why));

    private static JobEffect.SendVerdict Verdict(JobCommand.CheckpointProposed proposed, long seq, string error)
        => new(proposed.Generation, proposed.Member, proposed.WorkerId, proposed.Draft.Step, proposed.Draft.Attempt, seq, error);
}
