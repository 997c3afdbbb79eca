using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>
/// The life of a job as a pure function: state and command in, new state, effects and the sentence that explains them out.
/// No clock, task, chance or I/O. The parts: submits and stops (<c>JobMachine.Requests</c>), the first generation after a checkpoint
/// (<c>.Starting</c>), the next one from memory (<c>.Regrouping</c>), who is at fault when a generation breaks (<c>.Suspicion</c>), processes
/// that come (<c>.Joining</c>) and go (<c>.Leaving</c>), slots (<c>.Slots</c>), workers that come back (<c>.Workers</c>), checkpoints
/// (<c>.Checkpoints</c>) and the end (<c>.Ending</c>).
/// </summary>
/// <param name="rules">Times and budgets.</param>
internal sealed partial class JobMachine(JobRules rules)
{
    /// <summary>Answers one command, and does what its answer makes possible: a border that waited, a donation, an ask for slots.</summary>
    /// <param name="state">The job.</param>
    /// <param name="command">What happened.</param>
    /// <param name="now">When; never goes back while a coordinator lives.</param>
    public JobTransition Apply(JobState state, JobCommand command, DateTimeOffset now)
        => Answer(state, command, now).Then(ForgetLeft).Then(s => Pursue(s, now)).Then(s => KeepAsking(s, now));

    private JobTransition Answer(JobState state, JobCommand command, DateTimeOffset now)
    {
        if (command is IOfGeneration of && of.Generation != state.Generation)
            return OutOfDate(state, of);
        if (command is IOfMember about && state.Find(about.Member, about.WorkerId) is null)
            return OutOfPlace(state, about);
        return command switch
        {
            JobCommand.Submit submit => Resubmit(state, submit, now),
            JobCommand.RequestStop stop => RequestStop(state, stop, now),
            JobCommand.CheckpointFound found => BaseFound(state, found, now),
            JobCommand.PreparationFailed failed => PreparationFailed(state, failed, now),
            JobCommand.SlotsGranted granted => SlotsGranted(state, granted, now),
            JobCommand.SlotsShort shortage => SlotsShort(state, shortage),
            JobCommand.WorkerUnreachable unreachable => WorkerUnreachable(state, unreachable, now),
            JobCommand.RankReady ready => RankReady(state, ready, now),
            JobCommand.RankFormed formed => RankFormed(state, formed, now),
            JobCommand.RankInterrupted interrupted => RankInterrupted(state, interrupted, now),
            JobCommand.RankSilent silent => RankSilent(state, silent, now),
            JobCommand.RankStuck stuck => RankStuck(state, stuck, now),
            JobCommand.RankCaughtUp caughtUp => RankCaughtUp(state, caughtUp, now),
            JobCommand.RankProgressed progressed => RankProgressed(state, progressed, now),
            JobCommand.RankWarned warned => RankWarned(state, warned, now),
            JobCommand.CheckpointChecked read => CheckpointChecked(state, read, now),
            JobCommand.RankFinished finished => RankFinished(state, finished),
            JobCommand.RankExited exited => RankExited(state, exited, now),
            JobCommand.WorkerRegistered registered => WorkerRegistered(state, registered, now),
            JobCommand.WorkerLost lost => WorkerLost(state, lost.WorkerId, lost.Why, now),
            JobCommand.WorkerSuspected suspected => WorkerSuspected(state, suspected, now),
            JobCommand.WorkerLeaving leaving => WorkerLeaving(state, leaving, now),
            JobCommand.CheckpointProposed proposed => CheckpointProposed(state, proposed, now),
            JobCommand.CheckpointCommitted committed => CheckpointCommitted(state, committed, now),
            JobCommand.CheckpointRefused refused => CheckpointRefused(state, refused, now),
            JobCommand.CheckpointsRemoved removed => CheckpointsRemoved(state, removed),
            JobCommand.RoomMade made => RoomMade(state, made, now),
            JobCommand.CoordinatorRestarted => CoordinatorRestarted(state, now),
            JobCommand.Tick tick => Tick(state, tick, now),
            _ => throw new ArgumentOutOfRangeException(nameof(command), command, "unknown job command"),
        };
    }

    private static JobTransition OutOfDate(JobState state, IOfGeneration command) => JobTransition.Ignored(state, OfThePast(state, command.Generation));

    private static string OfThePast(JobState state, long generation) => $"generation {generation} is over; generation {state.Generation} is current";

    /// <summary>A process that is no part of the job any more never comes back: one that speaks as if it were is ended.</summary>
    private static JobTransition OutOfPlace(JobState state, IOfMember command)
    {
        var why = $"member {command.Member} on {command.WorkerId} is no part of the job, or the job is {Word(state.Phase)}";
        return command switch
        {
            JobCommand.CheckpointProposed proposed when proposed.Generation != state.Generation => Refused(state, proposed, OfThePast(state, proposed.Generation)),
            JobCommand.CheckpointProposed proposed => Refused(state, proposed, why),
            JobCommand.RankReady or JobCommand.RankInterrupted or JobCommand.RankCaughtUp or JobCommand.RankSilent
                => JobTransition.Ignored(state, why, new JobEffect.StopRanks(command.WorkerId, state.Generation, WithCheckpoint: false, [command.Member])),
            _ => JobTransition.Ignored(state, why),
        };
    }

    private JobTransition Tick(JobState state, JobCommand.Tick tick, DateTimeOffset now) => state switch
    {
        { ReattachBy: { } by } when now >= by => ReattachTimedOut(state, now),
        { Formation.By: { } by } when now >= by => FormationTimedOut(state, now),
        { Deadline: { } deadline } when now >= deadline => DeadlinePassed(state, now),
        { Interruption: not null } => Judge(state, tick.Places, now),
        _ when state.Joiners.Any(j => now >= j.Until) => JoinersTimedOut(state, now),
        _ => JobTransition.Passing(state, "nothing is due"),
    };

    private JobTransition DeadlinePassed(JobState state, DateTimeOffset now) => state switch
    {
        { Wait: JobWait.Slots } => JobTransition.Passing(state with { Deadline = null }, "the time to gather ranks is over"),
        { Wait: JobWait.Exits } => Drained(state.Select(s => s with { Life = RankLife.Gone }), now),
        { Phase: JobPhase.Starting, Formation: null } => NotReadyInTime(state, now),
        { Stop: not StopWish.None } => StopTimedOut(state, now),
        _ => JobTransition.Passing(state with { Deadline = null }, "nothing waits for this deadline"),
    };

    private JobTransition RankProgressed(JobState state, JobCommand.RankProgressed progressed, DateTimeOffset now)
    {
        if (progressed.Step > state.FailedStep && state.RankFailures > 0)
            state = state with { RankFailures = 0 };
        if (progressed.Step > state.Step)
            state = state with { Step = progressed.Step };
        // A step needs every member of its generation: they formed it, whatever became of their word.
        return progressed.Generation == state.Generation && state.Formation is not null
            ? Formed(state, now)
            : JobTransition.Passing(state, "a step was applied");
    }

    private static JobTransition RankWarned(JobState state, JobCommand.RankWarned warned, DateTimeOffset now) => warned switch
    {
        { Code: CheckpointCodes.LeftOut } => SaveLeftOut(state, warned.Text, now),
        _ when state.Notes is [.., var last] && last.Code == warned.Code && last.Text == warned.Text => JobTransition.Passing(state, "the same warning again"),
        _ => JobTransition.Passing(state.Noted(now, warned.Code, warned.Text), warned.Text),
    };

    private static string Word(JobPhase phase) => phase.ToString().ToLowerInvariant();

    private static string Count(long number, string noun) => number == 1 ? $"1 {noun}" : $"{number} {noun}s";

    private static string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString("0.#", System.Globalization.CultureInfo.InvariantCulture)} s";

    private static string Ranks(IEnumerable<RankSeat> seats) => string.Join(", ", seats.Select(s => s.Name));

    /// <summary>Ends these processes at once, one order a worker.</summary>
    private static ImmutableArray<JobEffect> Kill(JobState state, IEnumerable<RankSeat> seats)
        => [.. seats.GroupBy(s => s.WorkerId).OrderBy(w => w.Key, StringComparer.Ordinal).Select(w => new JobEffect.StopRanks(w.Key, state.Generation, WithCheckpoint: false, [.. w.Select(s => s.Member)]))];

    /// <summary>Ends all processes of the job.</summary>
    private static ImmutableArray<JobEffect> StopEverywhere(JobState state, bool withCheckpoint)
        => [.. state.Everyone.Where(s => s.IsLive).Select(s => s.WorkerId).Distinct().Order(StringComparer.Ordinal).Select(w => new JobEffect.StopRanks(w, state.Generation, withCheckpoint, []))];
}
