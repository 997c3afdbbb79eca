namespace KaleidoDist.Coordinator;

/// <summary>Times and budgets of <see cref="JobMachine"/>.</summary>
public sealed record JobRules
{
    /// <summary>How long a job waits for all the ranks it can use before it starts with fewer. Default 1 s.</summary>
    public TimeSpan GatherTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long ranks may take to become ready: loading of libtorch, data and a checkpoint. Default 5 min.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long killed ranks may take to be reported gone before the job goes on without the report. Default 10 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long ranks may take from a stop request to their last checkpoint before they are killed. Default 5 min.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long workers have to report their ranks again after a coordinator restart. Default 20 s.</summary>
    public TimeSpan ReattachTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Rank failures without a new checkpoint that are answered by a restart; one more fails the job. Default 3.</summary>
    public int RankFailureBudget { get; init; } = 3;

    /// <summary>Worker failures without a new checkpoint that are answered by a restart: the machines' fault, not the job's. Default 20.</summary>
    public int WorkerFailureBudget { get; init; } = 20;
}
