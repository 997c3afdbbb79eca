using System.Globalization;

namespace KaleidoDist.Checkpoints;

/// <summary>Spans of time as job specifications write them.</summary>
internal static class DurationText
{
    /// <summary>In the largest unit that says it whole: <c>6h</c>, <c>90m</c>, <c>45s</c>.</summary>
    internal static string Of(TimeSpan span)
    {
        var (amount, unit) = span switch
        {
            _ when span.Ticks % TimeSpan.TicksPerHour == 0 => (span.TotalHours, "h"),
            _ when span.Ticks % TimeSpan.TicksPerMinute == 0 => (span.TotalMinutes, "m"),
            _ => (span.TotalSeconds, "s"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{amount}{unit}");
    }
}
