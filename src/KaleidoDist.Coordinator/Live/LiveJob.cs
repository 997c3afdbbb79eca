using System.Collections.Immutable;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>
/// What watchers see of one job: its stored state as last published, and what ranks report in between. What it finds out from that (a rank
/// that keeps the others waiting, a slow one) it hands to the job as commands; it decides nothing, and nothing of it is stored: after a
/// restart it fills again. Keeps wire messages as they came. Thread-safe.
/// </summary>
internal sealed class LiveJob
{
    private const int MaxMetrics = 20_000;
    private const int MaxLogLines = 10_000;
    private const int RateWindow = 20;

    /// <summary>An agent repeats every second that a rank is silent.</summary>
    private static readonly TimeSpan SilenceHolds = TimeSpan.FromSeconds(2.5);

    private readonly Lock gate = new();
    private readonly Dictionary<long, LiveRank> ranks = [];
    private readonly Dictionary<(string Task, string Metric), TaskMetric> validation = [];
    private readonly History<StepMetrics> metrics = new(MaxMetrics);
    private readonly History<LogLine> log = new(MaxLogLines);
    private readonly CoordinatorClock clock;
    private readonly ProgressWatch progressWatch;
    private readonly StragglerDetector stragglers = new();
    private readonly SlowLinkDetector slowLinks = new();
    private readonly RegroupTimes regroup;
    private readonly List<JobCommand> findings = [];
    private JobState state;
    private StepMetrics? lastStep;

    /// <summary>Begins with a stored state.</summary>
    public LiveJob(JobState state, JobRules rules, CoordinatorClock clock)
    {
        (this.state, this.clock) = (state, clock);
        progressWatch = new ProgressWatch(state.Spec.Workers.HangTimeout ?? rules.ProgressLimit);
        regroup = new RegroupTimes(state.LastChange);
    }

    /// <summary>Raised with every change.</summary>
    public ChangeSignal Changed { get; } = new();

    /// <summary>The state as last published.</summary>
    public JobState State
    {
        get
        {
            lock (gate)
                return state;
        }
    }

    /// <summary>A newer state, already stored.</summary>
    public void Publish(JobState newer)
    {
        lock (gate)
        {
            if (newer.Generation != state.Generation)
            {
                stragglers.Clear();
                slowLinks.Clear();
            }

            state = newer;
            var members = newer.Everyone.Select(s => s.Member).ToHashSet();
            foreach (var gone in ranks.Keys.Where(m => !members.Contains(m)).ToArray())
                ranks.Remove(gone);
            regroup.Saw(newer, clock.Now);
        }

        Changed.Raise();
    }

    /// <summary>A rank's report of a step or phase. Reports of processes that are no part of the job are dropped.</summary>
    public void Progress(RankProgress progress)
    {
        lock (gate)
        {
            if (SeatOf(progress.Member) is { } seat)
                Progress(progress, seat);
            else if (progress.Metrics is not { } last || progress.Generation != state.Generation - 1 || last.Step != lastStep?.Step + 1)
                return; // but for the last step of one that left at its border

            if (progress.Metrics is { } step)
            {
                if (step.Step <= lastStep?.Step)
                    metrics.Remove(m => m.Step >= step.Step); // rolled back, and done again now
                metrics.Append(step);
                lastStep = step;
            }

            foreach (var metric in progress.Validation)
                validation[(metric.Task, metric.Metric)] = metric;
        }

        Changed.Raise();
    }

    /// <summary>What a heartbeat says about a rank.</summary>
    public void Beat(RunningRank running)
    {
        lock (gate)
        {
            if (SeatOf(running.Member) is null)
                return;
            progressWatch.Saw(running.Member, new RankPlace(running.Phase, running.Step), clock.Now);
            var known = ranks.GetValueOrDefault(running.Member);
            var seen = known with { Phase = running.Phase, Step = Math.Max(known.Step, running.Step), ProcessId = running.ProcessId, RefusedConnections = running.RefusedConnections };
            if (seen == known)
                return;
            ranks[running.Member] = seen;
        }

        Changed.Raise();
    }

    /// <summary>A rank gives no sign of life.</summary>
    public void Silence(RankSilent silent)
    {
        lock (gate)
        {
            if (SeatOf(silent.Member) is null)
                return;
            var place = new RankPlace(silent.Phase, silent.Step);
            ranks[silent.Member] = ranks.GetValueOrDefault(silent.Member) with
            {
                Remark = ($"no sign of life for {silent.SilentSeconds:0} s{place}{(silent.Stopped ? " (its process is stopped)" : "")}", clock.Now + SilenceHolds),
            };
        }

        Changed.Raise();
    }

    /// <summary>A rank formed its generation.</summary>
    public void Formed(RankFormed formed)
    {
        lock (gate)
            regroup.Formed(formed);
        Changed.Raise();
    }

    /// <summary>What was found out since the last look: commands for the job.</summary>
    public IReadOnlyList<JobCommand> Watch()
    {
        lock (gate)
        {
            if (state is { Phase: JobPhase.Running, Formation: null, Interruption: null, Stop: StopWish.None })
                findings.AddRange(progressWatch.Look([.. state.Aboard.Select(s => (s.Member, s.WorkerId))], clock.Now));
            var found = findings.ToArray();
            findings.Clear();
            return found;
        }
    }

    /// <summary>Where ranks were last seen, while the job has to name those that are hung.</summary>
    public ImmutableArray<SeenRank> Places()
    {
        lock (gate)
            return state.Interruption is null ? [] : [.. ranks.Select(r => new SeenRank(r.Key, new RankPlace(r.Value.Phase ?? "", r.Value.Step)))];
    }

    /// <summary>The checkpoint whose turn it is to be read back; null when none is due.</summary>
    public CheckpointEntry? CheckDue(TimeSpan period)
    {
        lock (gate)
            return CheckpointChecks.Due(state.Checkpoints, state.Checks, period, clock.Now);
    }

    /// <summary>A line of a rank's log.</summary>
    public void Append(LogLine line)
    {
        lock (gate)
            log.Append(line);
        Changed.Raise();
    }

    /// <summary>The status as of now.</summary>
    public JobStatus Status()
    {
        lock (gate)
        {
            var status = JobStatusView.Build(state, ranks, metrics.Newest(RateWindow), lastStep, validation.Values);
            foreach (var rank in status.Ranks)
                rank.Remark = RemarkOn(rank.Member);
            status.LastRegroup = regroup.Newest?.Clone();
            return status;
        }
    }

    /// <summary>Its live ranks on a worker.</summary>
    public IReadOnlyList<RunningRank> RunningOn(string workerId)
    {
        lock (gate)
            return [.. state.Everyone.Where(s => s.IsLive && s.WorkerId == workerId).Select(Running)];
    }

    /// <summary>Metrics after a number, and the number to go on from.</summary>
    public (IReadOnlyList<StepMetrics> Items, long LastId) MetricsAfter(long id)
    {
        lock (gate)
            return metrics.After(id);
    }

    /// <summary>Log lines after a number, and the number to go on from.</summary>
    public (IReadOnlyList<LogLine> Items, long LastId) LogAfter(long id)
    {
        lock (gate)
            return log.After(id);
    }

    private RankSeat? SeatOf(long member) => state.Everyone.FirstOrDefault(s => s.Member == member && s.IsLive);

    private void Progress(RankProgress progress, RankSeat seat)
    {
        ranks[seat.Member] = new LiveRank(progress.Phase, progress.Step, progress.StepSeconds, ranks.GetValueOrDefault(seat.Member).ProcessId);
        progressWatch.Saw(seat.Member, new RankPlace(progress.Phase, progress.Step), clock.Now);
        progressWatch.Stepped(seat.Member, progress.StepSeconds);
        if (progress.StepSeconds > 0) // other reports name the step that is under way, or the last one of the generation before
            regroup.Stepped(progress.Generation, progress.Step, clock.Now);
        if (progress.Generation != state.Generation || seat.Rank < 0 || state.IsExtraction)
            return; // a rank of an extraction computes until the round's time is over, or waits because nothing is left to it
        var hosted = VirtualRankRange.Of(seat.Rank, state.Seats.Length, state.Spec.Training.VirtualRanks).Count;
        if (stragglers.Add(seat.Member, new OwnTime(progress.DataSeconds / hosted, progress.ComputeSeconds / hosted), state.Seats.Length) is { } slow)
            findings.Add(new JobCommand.RankWarned(seat.Member, seat.WorkerId, "KD-W120", $"{seat.Name} {slow} over {StragglerDetector.Window} steps"));
        var sent = progress.SentBytes.Zip(progress.TravelSeconds, (bytes, seconds) => new Sending(bytes, seconds)).ToArray();
        foreach (var link in slowLinks.Add(seat.Rank, new ExchangeStep(progress.StepSeconds, progress.ReduceSeconds, sent), [.. state.Seats.Select(s => s.Host)]))
        {
            RankSeat[] there = [.. state.Seats.Where(s => s.Host == link.Host)];
            var names = string.Join(", ", there.Select(s => s.Name));
            findings.Add(new JobCommand.RankWarned(
                there[0].Member, there[0].WorkerId, "KD-W120", $"{names} {(there.Length == 1 ? "keeps" : "keep")} the others waiting: {link} over {SlowLinkDetector.Window} steps"));
        }
    }

    private string RemarkOn(long member)
        => ranks.TryGetValue(member, out var rank) && rank.Remark is { } remark && clock.Now < remark.Until ? remark.Text
            : stragglers.Slow.TryGetValue(member, out var slow) ? slow.ToString()
            : SeatOf(member) is { Rank: >= 0 } seat && slowLinks.Slow.TryGetValue(seat.Host, out var link) ? $"keeps the others waiting: {link}"
            : "";

    private RunningRank Running(RankSeat seat)
    {
        var live = ranks.GetValueOrDefault(seat.Member);
        return new RunningRank
        {
            JobId = state.JobId,
            Generation = state.Generation,
            Rank = seat.Rank,
            Endpoint = seat.Endpoint ?? "",
            Step = live.Step,
            Phase = live.Phase ?? "starting",
            ProcessId = seat.ProcessId,
            Member = seat.Member,
        };
    }
}
