namespace KaleidoDist.Training;

/// <summary>
/// The time between checkpoints where a job leaves it open (<c>checkpoint.every: auto</c>): Young's first-order optimum sqrt(2 * cost * mean time
/// between failures) ("A first order approximation to the optimum checkpoint interval", 1974), within bounds. Pure.
/// </summary>
internal static class CheckpointInterval
{
    /// <summary>Shortest interval: less than this is not worth a manifest.</summary>
    internal static readonly TimeSpan Shortest = TimeSpan.FromSeconds(30);

    /// <summary>Longest interval: nobody wants to lose more, however rare failures are.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromMinutes(30);

    /// <summary>One failure in this time is assumed beside those that were seen.</summary>
    internal static readonly TimeSpan AssumedBetweenFailures = TimeSpan.FromHours(8);

    /// <summary>Cost of a save before one was measured: copying 1.4 GB while nothing else goes on.</summary>
    internal static readonly TimeSpan AssumedStall = TimeSpan.FromSeconds(0.1);

    /// <summary>Largest share of the time that training may wait for snapshots.</summary>
    private const double StallBudget = 0.01;

    /// <summary>Largest share of the time that the storage may be busy with saves.</summary>
    private const double StorageBudget = 0.1;

    /// <summary>The interval.</summary>
    /// <param name="stall">Time a save makes training wait.</param>
    /// <param name="toDurable">Time from a save's beginning until it is durable.</param>
    /// <param name="failures">Failures seen.</param>
    /// <param name="running">Time in which they were seen.</param>
    internal static TimeSpan Auto(TimeSpan stall, TimeSpan toDurable, long failures, TimeSpan running)
    {
        var betweenFailures = (AssumedBetweenFailures + running) / (1 + failures);
        var optimum = Math.Sqrt(2 * stall.TotalSeconds * betweenFailures.TotalSeconds);
        var seconds = Math.Max(optimum, Math.Max(stall.TotalSeconds / StallBudget, toDurable.TotalSeconds / StorageBudget));
        return TimeSpan.FromSeconds(Math.Clamp(seconds, Shortest.TotalSeconds, Longest.TotalSeconds));
    }
}
