namespace KaleidoDist.Coordinator;

/// <summary>Times and budgets of <see cref="JobMachine"/>.</summary>
public sealed record JobRules
{
    /// <summary>How long a job waits for all the ranks it can use before it starts with fewer. Default 1 s.</summary>
    public TimeSpan GatherTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long ranks may take to become ready: loading of libtorch, data and a checkpoint. Default 5 min.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long members may take to form a generation: connect, agree on the step, take it over. Default 60 s.</summary>
    public TimeSpan FormTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// After the first word of a broken generation: how long other members have before those that give no sign of life are taken for hung.
    /// Default 300 ms.
    /// </summary>
    public TimeSpan InterruptGrace { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// When nobody is found to hang by then, all form again. Longer than an agent needs to see that a process is stopped. Default 1.5 s.
    /// </summary>
    public TimeSpan InterruptLimit { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>How long a rank whose process is stopped (SIGSTOP, a debugger) may be silent. Default 1 s.</summary>
    public TimeSpan StoppedLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a rank whose process runs may give no sign of life. Default 10 s.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a rank that gives signs of life may stay in one phase while its peers wait for it; null for 20 times its usual step,
    /// at least 60 s. Default null.
    /// </summary>
    public TimeSpan? ProgressLimit { get; init; }

    /// <summary>How long a joiner may take to copy the state of a running generation. Default 10 min.</summary>
    public TimeSpan CatchUpTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long no joiner is asked for after one was lost; doubles with every further one. Default 5 s.</summary>
    public TimeSpan ShortestGrowPause { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Where the doubling ends. Default 60 s.</summary>
    public TimeSpan LongestGrowPause { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time between two repetitions of an ask for slots that stands. Default 5 s.</summary>
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long killed ranks may take to be reported gone before the job goes on without the report. Default 10 s.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long ranks may take from a stop request to their last checkpoint before they are killed. Default 5 min.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long workers have to report their ranks again after a coordinator restart; agents try again at least every 7.5 s. Default 10 s.</summary>
    public TimeSpan ReattachTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Rank failures without a new step that are answered by going on; one more fails the job. Lost workers do not count. Default 3.</summary>
    public int RankFailureBudget { get; init; } = 3;
}
