using System.Globalization;

namespace KaleidoDist.Collectives;

/// <summary>Durations as error messages show them.</summary>
internal static class TimeSpanText
{
    /// <summary>Seconds with up to three decimals, the same in every locale: <c>0.15 s</c>.</summary>
    public static string InSeconds(this TimeSpan duration) => duration.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + " s";
}
