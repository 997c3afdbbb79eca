namespace KaleidoDist.Cli.Tests;

/// <summary>A clock in UTC that stands at 2026-03-01 12:00:00 until it is moved. Timers are the system's.</summary>
internal class ManualTime : TimeProvider
{
    /// <summary>Where it starts.</summary>
    internal static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private long ticks = Start.Ticks;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref ticks), TimeSpan.Zero);

    public override long GetTimestamp() => Interlocked.Read(ref ticks);

    /// <summary>Moves the clock on.</summary>
    internal void Advance(TimeSpan time) => Interlocked.Add(ref ticks, time.Ticks);
}

/// <summary>A clock for which every wait is over at once, and has taken its time.</summary>
internal sealed class HurriedTime : ManualTime
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime > TimeSpan.Zero && dueTime != Timeout.InfiniteTimeSpan)
            Advance(dueTime);
        return base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
