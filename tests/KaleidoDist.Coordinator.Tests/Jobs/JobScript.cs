using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>Drives a job by hand: one command at a time, time only when told. Ranks are named by the place they have now.</summary>
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

    /// <summary>The effects but for asks, which follow every change.</summary>
    public IEnumerable<JobEffect> Orders => Effects.Where(e => e is not (JobEffect.AcquireSlots or JobEffect.WithdrawAsk));

    public JobScript Do(JobCommand command)
    {
        Last = machine.Apply(State, command, Now);
        return this;
    }

    public JobScript After(TimeSpan time, params SeenRank[] places)
    {
        Now += time;
        return Do(new JobCommand.Tick([.. places]));
    }

    public JobScript After(double seconds) => After(TimeSpan.FromSeconds(seconds));

    public JobScript Found(params CheckpointEntry[] entries)
        => Do(new JobCommand.CheckpointFound([.. entries], entries is [.., var last] ? new HistoryHead(last.Seq, "hash", last.Seq, []) : HistoryHead.Empty, [], entries.Select(e => e.Generation).DefaultIfEmpty(0).Max()));

    public JobScript Granted(params string[] workers) => Do(new JobCommand.SlotsGranted(State.NextMember, JobSamples.Slots(State.NextMember, workers)));

    public JobScript Ready(int rank, string capability = "AVX2") => Ready(State.Seats[rank], capability);

    public JobScript Ready(RankSeat seat, string capability = "AVX2")
        => Do(new JobCommand.RankReady(seat.Member, seat.WorkerId, $"h:{seat.Member}", 100, "one", JobSamples.Environment(capability)));

    public JobScript Formed(long step = 0, params int[] ranks)
    {
        foreach (var seat in State.Seats.Where(s => ranks.Length == 0 || ranks.Contains(s.Rank)).ToArray())
            Do(new JobCommand.RankFormed(State.Generation, seat.Member, seat.WorkerId, step));
        return this;
    }

    public JobScript Exited(int rank, RankEnding ending = RankEnding.None, string error = "was killed by SIGKILL", bool fatal = false)
        => Exited(State.Seats[rank], ending, error, fatal);

    public JobScript Exited(RankSeat seat, RankEnding ending = RankEnding.None, string error = "was killed by SIGKILL", bool fatal = false)
        => Do(new JobCommand.RankExited(seat.Member, seat.WorkerId, ending, error, fatal, RankPlace.Unknown));

    public JobScript Finished(int rank, RankEnding ending, long step, string earlyEnd = "")
        => Do(new JobCommand.RankFinished(State.Seats[rank].Member, State.Seats[rank].WorkerId, ending, step, earlyEnd));

    public JobScript Interrupted(int rank, int lost = -1, long step = 0, string cause = "connection reset")
        => Do(new JobCommand.RankInterrupted(State.Generation, State.Seats[rank].Member, State.Seats[rank].WorkerId, step, lost, cause));

    public JobScript CutOff(int rank, params int[] from)
        => Do(new JobCommand.RankInterrupted(State.Generation, State.Seats[rank].Member, State.Seats[rank].WorkerId, 0, from[0], "no packet was answered for 8 s") { Unreachable = [.. from] });

    public JobScript Silent(int rank, double seconds, bool stopped = false, string phase = "reduce", long step = 512)
        => Do(new JobCommand.RankSilent(State.Seats[rank].Member, State.Seats[rank].WorkerId, new RankPlace(phase, step), TimeSpan.FromSeconds(seconds), stopped));

    public JobScript AwaitsDonor(int joiner)
        => Do(new JobCommand.RankReady(State.Joiners[joiner].Member, State.Joiners[joiner].WorkerId, "h", 1, "one", []) { AwaitsDonor = true });

    public JobScript CaughtUp(int joiner, long step = 0)
        => Do(new JobCommand.RankCaughtUp(State.Joiners[joiner].Member, State.Joiners[joiner].WorkerId, step));

    public JobScript Progressed(long step) => Do(new JobCommand.RankProgressed(State.Generation, State.Seats[0].Member, State.Seats[0].WorkerId, step));

    /// <summary>Every rank of the present generation reports its shard.</summary>
    public JobScript Proposed(long step, int attempt = 1)
    {
        foreach (var seat in State.Seats.ToArray())
            Proposed(seat, JobSamples.Draft(step, attempt, shard: seat.Rank + 1, of: State.Seats.Length));
        return this;
    }

    public JobScript Proposed(RankSeat seat, CheckpointDraft draft) => Do(new JobCommand.CheckpointProposed(State.Generation, seat.Member, seat.WorkerId, draft));

    public JobScript Committed(long seq, long step)
        => Do(new JobCommand.CheckpointCommitted(State.Generation, 1, JobSamples.Entry(seq, step, State.Generation), new HistoryHead(seq, "hash", seq, [])));

    public JobScript Registered(string worker, params RunningSeat[] running) => Do(new JobCommand.WorkerRegistered(worker, [.. running]));

    /// <summary>A process as its worker reports it.</summary>
    public static RunningSeat Running(long member, long generation, bool waits = false, long step = 0) => new(member, generation, $"h:{member}", waits, 100, step);

    /// <summary>A job that trains on these workers, one rank each; members are numbered from the next id on.</summary>
    public JobScript Training(params string[] workers)
    {
        if (State.Wait == JobWait.Checkpoint)
            Found();
        Granted(workers);
        for (var rank = 0; rank < workers.Length; rank++)
            Ready(rank);
        return Formed();
    }

    /// <summary>A joiner on this worker, which has the state.</summary>
    public JobScript Joined(string worker, long step = 0)
    {
        Granted(worker);
        Ready(State.Joiners[^1]);
        return CaughtUp(State.Joiners.Length - 1, step);
    }

    public T Only<T>()
        where T : JobEffect
        => Assert.IsType<T>(Assert.Single(Effects, e => e is T));

    public T[] All<T>()
        where T : JobEffect
        => [.. Effects.OfType<T>()];

    /// <summary>The processes that were ended at once, as in "a: 1 2, b: all".</summary>
    public string Killed => Stopped(withCheckpoint: false);

    /// <summary>The processes that were told to save and stop.</summary>
    public string Saving => Stopped(withCheckpoint: true);

    /// <summary>What the newest transition orders to form, as in "g2 a b: 1 3" (generation, workers told, members by rank), with "border" or "stop".</summary>
    public string Forms
    {
        get
        {
            var forms = All<JobEffect.FormGeneration>();
            if (forms.Length == 0)
                return "";
            var first = forms[0];
            Assert.All(forms, f => Assert.Equal(first.Members.AsEnumerable(), f.Members));
            Assert.Equal(Enumerable.Range(0, first.Members.Length), first.Members.Select(m => m.Rank));
            return $"g{first.Generation} {string.Join(' ', forms.Select(f => f.WorkerId))}: {string.Join(' ', first.Members.Select(m => m.Member))}{(first.AtBorder ? " border" : "")}{(first.Stop ? " stop" : "")}";
        }
    }

    private string Stopped(bool withCheckpoint)
        => string.Join(", ", All<JobEffect.StopRanks>().Where(s => s.WithCheckpoint == withCheckpoint).Select(s => $"{s.WorkerId}: {(s.Members.IsEmpty ? "all" : string.Join(' ', s.Members))}"));
}
