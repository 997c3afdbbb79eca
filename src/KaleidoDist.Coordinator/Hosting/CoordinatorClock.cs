namespace KaleidoDist.Coordinator;

/// <summary>Time that never goes back: the wall clock at start plus monotonic time since. A corrected wall clock ends no lease.</summary>
/// <param name="time">The source.</param>
internal sealed class CoordinatorClock(TimeProvider time)
{
    private readonly DateTimeOffset start = time.GetUtcNow();
    private readonly long startTimestamp = time.GetTimestamp();

    /// <summary>The time, UTC.</summary>
    public DateTimeOffset Now => start + time.GetElapsedTime(startTimestamp);
}
