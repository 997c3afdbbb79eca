using System.Collections.Immutable;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Checkpoints: only the generation that trains reports shards, a set is committed when all of them are there (<see cref="CheckpointSet"/>), every
/// commit's parent is the checkpoint this job started from or last committed, and ranks hear of it after the state is written.
/// </summary>
internal sealed partial class JobMachine
{
    private static JobTransition CheckpointProposed(JobState state, JobCommand.CheckpointProposed proposed, DateTimeOffset now)
    {
        var draft = proposed.Draft;
        if (!IsTraining(state, proposed))
        {
            return Refused(state, proposed, proposed.Generation == state.Generation ? $"the job is {Word(state.Phase)}" : OfThePast(state, proposed.Generation));
        }

        if (state.Base is { } parent)
        {
            if (parent.Generation == proposed.Generation && parent.Step == draft.Step && state.BaseAttempt == draft.Attempt)
                return JobTransition.Passing(state, "this attempt is committed already", Verdict(proposed, parent.Seq, ""));
            if (draft.Step < parent.Step)
                return Refused(state, proposed, $"step {draft.Step} is older than {Place(parent)}");
        }

        var world = WorldSizeOf(state, proposed.Generation);
        return CheckpointSet.Add(state.Save, proposed.Generation, world, draft) switch
        {
            SetMove.Waiting waiting => JobTransition.Passing(
                state with { Save = waiting.Set }, $"shard {draft.Shard} of {world} of step {draft.Step} is written"),
            SetMove.Complete complete => JobTransition.Passing(
                state with { Save = complete.Set },
                $"step {draft.Step} is written",
                new JobEffect.CommitCheckpoint(proposed.Generation, complete.Whole, state.Head, world)),
            SetMove.Abandoned abandoned when abandoned.Why.StartsWith(CheckpointWriteException.NoRoomCode, StringComparison.Ordinal) => JobTransition.Passing(
                state with { Save = abandoned.Set },
                abandoned.Why,
                new JobEffect.MakeRoom(proposed.Generation, draft.Step, draft.Attempt, abandoned.Why, state.Head, world)),
            SetMove.Abandoned abandoned => Abandoned(state, abandoned.Set, abandoned.Why, now),
            SetMove.Refused refused => JobTransition.Ignored(state, refused.Why, Verdict(proposed, 0, refused.Why) with { IsAbandoned = refused.IsAbandoned }),
            var other => throw new InvalidOperationException($"unknown move {other}"),
        };
    }

    /// <summary>A save that was due is left out. Told of once for the one that is in the way, however many it is in the way of; the count is stored with the next move.</summary>
    private static JobTransition SaveLeftOut(JobState state, string why, DateTimeOffset now)
    {
        state = state with { SkippedSaves = state.SkippedSaves + 1 };
        return state.Notes.Any(n => n.Code == CheckpointCodes.LeftOut && n.Text == why)
            ? JobTransition.Passing(state, "another save is left out for the same reason")
            : JobTransition.Move(state.Noted(now, CheckpointCodes.LeftOut, why));
    }

    /// <summary>Its generation is over: a save that lacks shards gets no more of them.</summary>
    /// <param name="state">The job; its checkpoints are those that it knew of while it saved.</param>
    /// <param name="found">Checkpoints that history names besides: a commit may have been written and not heard of.</param>
    /// <param name="now">Now.</param>
    private static JobState WithoutUnfinishedSave(JobState state, ImmutableArray<CheckpointEntry> found, DateTimeOffset now)
    {
        if (state.Save is not { } save)
            return state;
        var isSettled = save.Failure is not null || state.Checkpoints.Concat(found).Any(c => (c.Generation, c.Step) == (save.Generation, save.Step));
        state = state with { Save = null };
        return isSettled ? state : state.Noted(now, "KD-S104", $"step {save.Step} was not saved: generation {save.Generation} ended when {save.Shards.Length} of {Count(save.ShardCount, "shard")} {(save.Shards.Length == 1 ? "was" : "were")} written");
    }

    /// <summary>One shard is missing for good: nothing becomes of the others, and training goes on. Told of once, however many ranks failed.</summary>
    private static JobTransition Abandoned(JobState state, CheckpointSet set, string why, DateTimeOffset now)
    {
        var (code, text) = Coded(why, "KD-S104", $"step {set.Step} was not saved: {why}");
        return JobTransition.Move(
            (state with { Save = set }).Noted(now, code, text),
            [.. Verdicts(state, set.Generation, set.Step, set.Attempt, 0, why).Select(v => v with { IsAbandoned = true })]);
    }

    /// <summary>Retention was applied for a save that found no room: where that freed some the ranks save again, else the attempt is over like any other that failed.</summary>
    private static JobTransition RoomMade(JobState state, JobCommand.RoomMade made, DateTimeOffset now)
    {
        if (state.Save is not { } set || (set.Generation, set.Step, set.Attempt) != (made.Generation, made.Step, made.Attempt))
            return JobTransition.Ignored(state, $"the attempt at step {made.Step} is over");
        if (made.Freed.FolderCount == 0)
            return Abandoned(state, set, made.Why, now);
        var text = $"no space for step {made.Step}: {Count(made.Freed.Seqs.Length, "old checkpoint")} removed first, and it is saved again";
        return JobTransition.Passing(
            Without(state, made.Freed.Seqs).Noted(now, "", text),
            text,
            [.. Verdicts(state, set.Generation, set.Step, set.Attempt, 0, made.Why).Select(v => v with { IsAbandoned = true, IsSaveAgain = true })]);
    }

    private static JobState Without(JobState state, ImmutableArray<long> removed)
        => state.Keeping(state.Checkpoints.Where(c => !removed.Contains(c.Seq)));

    /// <summary>The code that a text begins with and the rest of it; else a code for all other texts.</summary>
    private static (string Code, string Text) Coded(string text, string otherwise, string otherText)
        => text.StartsWith("KD-", StringComparison.Ordinal) && text.IndexOf(' ', StringComparison.Ordinal) is > 0 and var space
            ? (text[..space], text[(space + 1)..])
            : (otherwise, otherText);

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
            ResumeSeq = 0,
            Step = Math.Max(state.Step, entry.Step),
            RankFailures = entry.Step > state.FailedStep ? 0 : state.RankFailures,
        }).Keeping([.. state.Checkpoints.Where(c => c.Seq != entry.Seq), entry]).Noted(now, "", $"checkpoint {entry.Seq}: step {entry.Step} ({entry.Kind})");
        return JobTransition.Move(
            state,
            [
                .. Verdicts(state, committed.Generation, entry.Step, committed.Attempt, entry.Seq, ""),
                new JobEffect.Retain(committed.Generation, state.Head, WorldSizeOf(state, committed.Generation)),
            ]);
    }

    private JobTransition CheckpointRefused(JobState state, JobCommand.CheckpointRefused refused, DateTimeOffset now)
    {
        ImmutableArray<JobEffect> verdicts = [.. Verdicts(state, refused.Generation, refused.Step, refused.Attempt, 0, refused.Error)];
        // Whether a manifest came of it is known only when history is read anew: nobody removes a file.
        if (state.Save is { } set && (set.Generation, set.Step, set.Attempt) == (refused.Generation, refused.Step, refused.Attempt))
            state = state with { Save = set.Failed(refused.Error) with { IsInDoubt = true } };
        if (!refused.LostLineage)
        {
            var (code, text) = Coded(refused.Error, "KD-S104", $"step {refused.Step} was not saved: {refused.Error}");
            return JobTransition.Move(state.Noted(now, code, text), verdicts.AsSpan());
        }

        var why = $"step {refused.Step} was not saved: {refused.Error}";
        return LoseLineage(state.Noted(now, "KD-C120", why) with { LastError = why }, why, now).After(verdicts);
    }

    /// <summary>The state in memory continues a history that is not the newest any more.</summary>
    private JobTransition LoseLineage(JobState state, string why, DateTimeOffset now)
    {
        state = state with { RankFailures = state.RankFailures + 1, FailedStep = state.Step + 1, Failures = state.Failures + 1 };
        return state.RankFailures > rules.RankFailureBudget
            ? Fail(state, $"{why} (after {Count(rules.RankFailureBudget, "failure")} without a new step)", now)
            : GoBack(state, why, now);
    }

    private static JobTransition CheckpointChecked(JobState state, JobCommand.CheckpointChecked read, DateTimeOffset now)
    {
        if (state.Checkpoints.All(c => c.Seq != read.Seq))
            return JobTransition.Passing(state, $"checkpoint {read.Seq} is not kept any more");
        var known = state.Checks.FirstOrDefault(c => c.Seq == read.Seq)?.Problem;
        state = state.Checked(new CheckpointCheck(read.Seq, now, read.Flaw));
        return JobTransition.Move(read.Flaw is { } flaw && flaw != known ? state.Noted(now, flaw.Code, flaw.Text) : state);
    }

    private static JobTransition CheckpointsRemoved(JobState state, JobCommand.CheckpointsRemoved removed)
        => JobTransition.Passing(
            Without(state, removed.Seqs),
            $"{Count(removed.Seqs.Length, "old checkpoint")} removed");

    private static JobTransition Refused(JobState state, JobCommand.CheckpointProposed proposed, string why)
        => JobTransition.Ignored(state, why, Verdict(proposed, 0, why));

    /// <summary>The answer to every rank that may take part in the attempt: also to one that has not reported yet, and can stop writing.</summary>
    private static IEnumerable<JobEffect.SendVerdict> Verdicts(JobState state, long generation, long step, int attempt, long seq, string error)
        => state.Seats.Concat(state.Leavers).Where(s => s.IsLive).Select(s => new JobEffect.SendVerdict(generation, s.Member, s.WorkerId, step, attempt, seq, error));

    private static JobEffect.SendVerdict Verdict(JobCommand.CheckpointProposed proposed, long seq, string error)
        => new(proposed.Generation, proposed.Member, proposed.WorkerId, proposed.Draft.Step, proposed.Draft.Attempt, seq, error);
}
