using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>
/// What watchers see of one job: its stored state as last published, and what ranks report in between. Nothing is decided on it, and
/// nothing of it is stored: after a restart it fills again. Keeps wire messages as they came. Thread-safe.
/// </summary>
internal sealed class LiveJob
{
    private const int MaxMetrics = 20_000;
    private const int MaxLogLines = 10_000;
    private const int RateWindow = 20;

    private readonly Lock gate = new();
    private readonly Dictionary<int, LiveRank> ranks = [];
    private readonly Dictionary<(string Task, string Metric), TaskMetric> validation = [];
    private readonly History<StepMetrics> metrics = new(MaxMetrics);
    private readonly History<LogLine> log = new(MaxLogLines);
    private JobState state;
    private StepMetrics? lastStep;

    /// <summary>Begins with a stored state.</summary>
    public LiveJob(JobState state) => this.state = state;

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
            if (newer.Generation != state.Generation || newer.Seats.IsEmpty)
                ranks.Clear();
            state = newer;
        }

        Changed.Raise();
    }

    /// <summary>A rank's report of a step or phase. Reports of older generations are dropped.</summary>
    public void Progress(RankProgress progress)
    {
        lock (gate)
        {
            if (progress.Generation != state.Generation)
                return;
            ranks[progress.Rank] = new LiveRank(progress.Phase, progress.Step, progress.StepSeconds, ranks.GetValueOrDefault(progress.Rank).ProcessId);
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
            if (running.Generation != state.Generation)
                return;
            var known = ranks.GetValueOrDefault(running.Rank);
            var seen = known with { Phase = running.Phase, Step = Math.Max(known.Step, running.Step), ProcessId = running.ProcessId };
            if (seen == known)
                return;
            ranks[running.Rank] = seen;
        }

        Changed.Raise();
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
            return JobStatusView.Build(state, ranks, metrics.Newest(RateWindow), lastStep, validation.Values);
    }

    /// <summary>Its live ranks on a worker.</summary>
    public IReadOnlyList<RunningRank> RunningOn(string workerId)
    {
        lock (gate)
            return [.. state.Seats.Where(s => s.IsLive && s.WorkerId == workerId).Select(Running)];
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

    private RunningRank Running(RankSeat seat)
    {
        var live = ranks.GetValueOrDefault(seat.Rank);
        return new RunningRank
        {
            JobId = state.JobId,
            Generation = state.Generation,
            Rank = seat.Rank,
            Endpoint = seat.Endpoint ?? "",
            Step = live.Step,
            Phase = live.Phase ?? "starting",
            ProcessId = seat.ProcessId,
        };
    }
}
