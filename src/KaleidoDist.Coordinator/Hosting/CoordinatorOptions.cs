namespace KaleidoDist.Coordinator;

/// <summary>How a coordinator treats its workers and jobs.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>Time between a worker's heartbeats. Default 250 ms.</summary>
    public TimeSpan HeartbeatPeriod { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Silence on an open stream that makes its worker suspect: lost at once if a peer says that it lost one of its ranks. Default 1 s, four heartbeats.</summary>
    public TimeSpan SilentAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest silence on an open stream before its worker is lost, whatever peers say. Default 5 s.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest absence after a broken stream before its worker is lost. Default 3 s.</summary>
    public TimeSpan ReconnectGrace { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Time between two looks at leases and deadlines. Default 100 ms.</summary>
    public TimeSpan PulsePeriod { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Shortest time between two statuses sent to one watcher. Default 100 ms.</summary>
    public TimeSpan WatchPeriod { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often each kept checkpoint of an unfinished job is read back and verified. Default 24 h.</summary>
    public TimeSpan ScrubPeriod { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Time between two looks whether one is due; at most one of each job is read at a look. Default 10 min.</summary>
    public TimeSpan ScrubLook { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Times and budgets of jobs.</summary>
    public JobRules Jobs { get; init; } = new();

    /// <summary>Name of this coordinator process in manifests and greetings.</summary>
    public string CoordinatorId { get; init; } = $"{Environment.MachineName}/{Environment.ProcessId}";
}
