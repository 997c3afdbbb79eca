using System.Globalization;

namespace KaleidoDist.Cli;

/// <summary>Numbers as people read them: the same words on every machine, whatever its language.</summary>
internal static class Units
{
    private static readonly string[] ByteUnits = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>What is shown for a value that is not known.</summary>
    internal const string Unknown = "-";

    /// <summary><c>12,345</c>.</summary>
    internal static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A loss, a norm or a perplexity with four significant digits, more before the point: <c>10.32</c>, <c>29,733</c>, <c>4.2e-05</c>.</summary>
    internal static string Number(double value) => Math.Abs(value) switch
    {
        double.NaN or double.PositiveInfinity => "not finite",
        >= 1e4 and < 1e9 => value.ToString("N0", CultureInfo.InvariantCulture),
        _ => value.ToString("G4", CultureInfo.InvariantCulture).ToLowerInvariant(),
    };

    /// <summary>A learning rate: <c>4.50e-04</c>.</summary>
    internal static string Scientific(double value) => value.ToString("0.00e+00", CultureInfo.InvariantCulture);

    /// <summary>A share as <c>71.2 %</c>; small ones keep two significant digits (<c>0.0033 %</c>).</summary>
    internal static string Percent(double share)
        => double.IsFinite(share) ? $"{(share * 100).ToString(Math.Abs(share) is > 0 and < 0.001 ? "G2" : "0.0", CultureInfo.InvariantCulture)} %" : Unknown;

    /// <summary>A number with one decimal: <c>21.3</c>.</summary>
    internal static string OneDecimal(double value) => double.IsFinite(value) ? value.ToString("N1", CultureInfo.InvariantCulture) : Unknown;

    /// <summary>A size: <c>512 B</c>, <c>23.4 MiB</c>.</summary>
    internal static string Bytes(long bytes)
    {
        double value = bytes;
        var unit = 0;
        while (Math.Abs(value) >= 1024 && unit < ByteUnits.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return unit == 0 ? $"{bytes} B" : $"{value.ToString("0.0", CultureInfo.InvariantCulture)} {ByteUnits[unit]}";
    }

    /// <summary>A time by its two largest units: <c>340 ms</c>, <c>1.2 s</c>, <c>3 m 20 s</c>, <c>1 h 5 m</c>, <c>2 d 3 h</c>.</summary>
    internal static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.Zero)
            return Unknown;
        if (time.TotalSeconds < 0.9995)
            return $"{Math.Round(time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)} ms";
        if (time.TotalSeconds < 9.95)
            return $"{time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s";

        // Rounded before it is divided, so that 59.6 s is a minute.
        var whole = TimeSpan.FromSeconds(Math.Round(time.TotalSeconds));
        return whole switch
        {
            { TotalMinutes: < 1 } => $"{whole.Seconds} s",
            { TotalHours: < 1 } => $"{whole.Minutes} m {whole.Seconds} s",
            { TotalDays: < 1 } => $"{whole.Hours} h {whole.Minutes} m",
            _ => $"{whole.Days} d {whole.Hours} h",
        };
    }

    /// <inheritdoc cref="Duration(TimeSpan)"/>
    /// <param name="seconds">Seconds; zero, negative and non-finite mean unknown.</param>
    internal static string Duration(double seconds)
        => seconds > 0 && seconds < TimeSpan.MaxValue.TotalSeconds ? Duration(TimeSpan.FromSeconds(seconds)) : Unknown;

    /// <summary>Text from elsewhere without the control characters that could drive a terminal.</summary>
    internal static string Printable(string text)
        => text.Any(char.IsControl) ? string.Concat(text.Select(c => c == '\t' || !char.IsControl(c) ? c : '\uFFFD')) : text;
}
