using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>How foreground boxes are found, in one line: counts and shares.</summary>
internal static class ForegroundLine
{
    /// <summary>The line.</summary>
    public static string Of(ForegroundWays ways)
    {
        return $"Foreground boxes: {Part(ways.Given)} given, {Part(ways.Border)} by the border, {Part(ways.Saliency)} by saliency, {Part(ways.Whole)} not found: the whole picture";

        string Part(long count) => FormattableString.Invariant($"{count:N0} ({(double)count / Math.Max(1, ways.Total):P1})");
    }
}
