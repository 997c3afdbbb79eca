using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// The life of a job as a pure function: state and command in, new state, effects and the sentence that explains them out.
/// No clock, task, chance or I/O. The parts: submits and stops (<c>JobMachine.Requests</c>), how a generation begins
/// (<c>.Starting</c>), how it ends (<c>.Ending</c>), checkpoints (<c>.Checkpoints</c>), workers that come back (<c>.Workers</c>).
/// </summary>
/// <param name="rules">Times and budgets.</param>
internal sealed partial class JobMachine(JobRules rules)
{
    /// <summary>Answers one command.</summary>
    /// <param name="state">The job.</param>
    /// <param name="command">What happened.</param>
    /// <param name="now">When; never goes back while a coordinator lives.</param>
    public JobTransition Apply(JobState state, JobCommand command, DateTimeOffset now)
    {
        if (command is IOfGeneration of && of.Generation != state.Generation)
            return OutOfDate(state, of);
        if (command is IOfRank about && (SeatOf(state, about) is null || !state.Phase.HasGeneration() && state.Wait != JobWait.Exits))
            return OutOfPlace(state, about);
        return command switch
        {
            JobCommand.Submit submit => Resubmit(state, submit, now),
            JobCommand.RequestStop stop => RequestStop(state, stop, now),
            JobCommand.CheckpointFound found => BaseFound(state, found, now),
            JobCommand.PreparationFailed failed => PreparationFailed(state, failed, now),
            JobCommand.SlotsGranted granted => SlotsGranted(state, granted, now),
            JobCommand.SlotsShort shortage => SlotsShort(state, shortage),
            JobCommand.WorkerUnreachable unreachable => SeatsLost(state, unreachable.WorkerId, "cannot be reached", now),
            JobCommand.RankReady ready => RankReady(state, ready, now),
            JobCommand.RankProgressed progressed => JobTransition.Passing(state with { Step = Math.Max(state.Step, progressed.Step) }, "a step was applied"),
            JobCommand.RankWarned warned => RankWarned(state, warned, now),
            JobCommand.RankFinished finished => RankFinished(state, finished),
            JobCommand.RankExited exited => RankExited(state, exited, now),
            JobCommand.WorkerRegistered registered => WorkerRegistered(state, registered, now),
            JobCommand.WorkerLost lost => SeatsLost(state, lost.WorkerId, lost.Why, now),
            JobCommand.CheckpointProposed proposed => CheckpointProposed(state, proposed),
            JobCommand.CheckpointCommitted committed => CheckpointCommitted(state, committed, now),
            JobCommand.CheckpointRefused refused => CheckpointRefused(state, refused, now),
            JobCommand.CheckpointsRemoved removed => CheckpointsRemoved(state, removed),
            JobCommand.CoordinatorRestarted => CoordinatorRestarted(state, now),
            JobCommand.Tick => Tick(state, now),
            _ => throw new ArgumentOutOfRangeException(nameof(command), command, "unknown job command"),
        };
    }

    private static RankSeat? SeatOf(JobState state, IOfRank about)
        => about.Rank >= 0 && about.Rank < state.Seats.Length && state.Seats[about.Rank] is var seat && seat.WorkerId == about.WorkerId ? seat : null;

    private static JobTransition OutOfDate(JobState state, IOfGeneration command)
    {
        var why = $"generation {command.Generation} is over; generation {state.Generation} is current";
        return command switch
        {
            JobCommand.SlotsGranted granted => JobTransition.Ignored(state, why, new JobEffect.ReleaseSlots(granted.Generation)),
            JobCommand.CheckpointProposed proposed => JobTransition.Ignored(state, why, Refusal(proposed, why)),
            _ => JobTransition.Ignored(state, why),
        };
    }

    private static JobTransition OutOfPlace(JobState state, IOfRank command)
    {
        var why = $"rank {command.Rank} of generation {command.Generation} does not run on {command.WorkerId}, or the job is {Word(state.Phase)}";
        return command is JobCommand.CheckpointProposed proposed
            ? JobTransition.Ignored(state, why, Refusal(proposed, why))
            : JobTransition.Ignored(state, why);
    }

    private JobTransition Tick(JobState state, DateTimeOffset now) => state switch
    {
        { ReattachBy: { } by } when now >= by => ReattachTimedOut(state, now),
        { Deadline: { } deadline } when now >= deadline => DeadlinePassed(state, now),
        _ => JobTransition.Passing(state, "nothing is due"),
    };

    private JobTransition DeadlinePassed(JobState state, DateTimeOffset now) => state switch
    {
        { Wait: JobWait.Slots } => JobTransition.Passing(
            state with { Deadline = now + rules.GatherTime }, "the time to gather ranks is over", Ask(state, state.Spec.Workers.Min)),
        { Wait: JobWait.Exits } => Drained(state with { Seats = [.. state.Seats.Select(s => s with { Life = RankLife.Gone })] }, now),
        { Phase: JobPhase.Starting } => NotReadyInTime(state, now),
        { Phase: JobPhase.Running } => StopTimedOut(state, now),
        _ => JobTransition.Passing(state with { Deadline = null }, "nothing waits for this deadline"),
    };

    private static JobEffect.AcquireSlots Ask(JobState state, int need) => new(state.Generation, need, state.Spec.Workers.Max);

    private static JobTransition RankWarned(JobState state, JobCommand.RankWarned warned, DateTimeOffset now)
        => state.Notes is [.., var last] && last.Code == warned.Code && last.Text == warned.Text
            ? JobTransition.Passing(state, "the same warning again")
            : JobTransition.Passing(state.Noted(now, warned.Code, warned.Text), warned.Text);

    private static string Word(JobPhase phase) => phase.ToString().ToLowerInvariant();

    private static string Count(long number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";

    private static ImmutableArray<JobEffect> StopEverywhere(JobState state, bool withCheckpoint)
        => [.. state.LiveWorkers().Select(w => new JobEffect.StopRanks(w, state.Generation, withCheckpoint))];
}
