using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>Drives a job by hand: one command at a time, time only when told.</summary>
internal sealed class JobScript
{
    private readonly JobMachine machine;

    public JobScript(JobRules? rules = null, JobSpec? spec = null, long stopAfter = 0)
    {
        machine = new JobMachine(rules ?? new JobRules());
        Last = JobMachine.Create("job", JobSamples.Submit(spec, stopAfter: stopAfter), Now);
    }

    public DateTimeOffset Now { get; private set; } = JobSamples.Noon;

    public JobTransition Last { get; private set; }

    public JobState State => Last.State;

    public ImmutableArray<JobEffect> Effects => Last.Effects;

    public JobScript Do(JobCommand command)
    {
        Last = machine.Apply(State, command, Now);
        return this;
    }

    public JobScript After(TimeSpan time)
    {
        Now += time;
        return Do(new JobCommand.Tick());
    }

    public JobScript Found(params CheckpointEntry[] entries)
        => Do(new JobCommand.CheckpointFound([.. entries], entries is [.., var last] ? new HistoryHead(last.Seq, "hash", last.Seq, []) : HistoryHead.Empty, [], entries.Select(e => e.Generation).DefaultIfEmpty(0).Max()));

    public JobScript Granted(params string[] workers) => Do(new JobCommand.SlotsGranted(State.Generation, JobSamples.Seats(workers)));

    public JobScript Ready(int rank) => Do(new JobCommand.RankReady(State.Generation, rank, State.Seats[rank].WorkerId, $"h:{rank}", 100 + rank));

    public JobScript Exited(int rank, RankEnding ending = RankEnding.None, string error = "was killed by SIGKILL", bool fatal = false)
        => Do(new JobCommand.RankExited(State.Generation, rank, State.Seats[rank].WorkerId, ending, error, fatal));

    public JobScript Finished(int rank, RankEnding ending, long step)
        => Do(new JobCommand.RankFinished(State.Generation, rank, State.Seats[rank].WorkerId, ending, step));

    public JobScript Progressed(long step) => Do(new JobCommand.RankProgressed(State.Generation, 0, State.Seats[0].WorkerId, step));

    public JobScript Committed(long seq, long step)
        => Do(new JobCommand.CheckpointCommitted(State.Generation, 0, State.Seats[0].WorkerId, 1, JobSamples.Entry(seq, step, State.Generation), new HistoryHead(seq, "hash", seq, [])));

    /// <summary>A job that trains on these workers, one rank each.</summary>
    public JobScript Running(params string[] workers)
    {
        if (State.Wait == JobWait.Checkpoint)
            Found();
        Granted(workers);
        for (var rank = 0; rank < workers.Length; rank++)
            Ready(rank);
        return this;
    }

    public T Only<T>()
        where T : JobEffect
        => Assert.IsType<T>(Assert.Single(Effects, e => e is T));
}
