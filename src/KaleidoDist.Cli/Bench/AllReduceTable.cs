using System.Globalization;
using System.Text;

namespace KaleidoDist.Cli;

/// <summary>Figures of one size as a table.</summary>
internal static class AllReduceTable
{
    /// <summary>A line a library: median, spread, bytes a second, and how many times as long each peer needs.</summary>
    internal static string Of(IReadOnlyList<AllReduceFigure> figures, IReadOnlyList<string> peers)
    {
        var text = new StringBuilder();
        text.Append($"{figures[0].Ranks} ranks, {Units.Bytes(figures[0].Bytes)}".PadRight(24));
        text.Append("median".PadLeft(11)).Append("fastest".PadLeft(11)).Append("slowest".PadLeft(11)).Append("GB/s".PadLeft(8));
        foreach (var peer in peers)
            text.Append($"{peer} / it".PadLeft(14));
        foreach (var figure in figures)
        {
            text.AppendLine().Append("  ").Append(figure.Library.PadRight(22));
            text.Append(Time(figure.Median).PadLeft(11)).Append(Time(figure.Fastest).PadLeft(11)).Append(Time(figure.Slowest).PadLeft(11));
            text.Append((figure.Bytes / figure.Median / 1e9).ToString("0.00", CultureInfo.InvariantCulture).PadLeft(8));
            foreach (var peer in peers)
            {
                var other = figures.First(candidate => candidate.Library == peer);
                text.Append($"{(other.Median / figure.Median).ToString("0.00", CultureInfo.InvariantCulture)}x".PadLeft(14));
            }
        }

        return text.AppendLine().ToString();
    }

    /// <summary>A short time: <c>12.3 us</c>, <c>4.5 ms</c>, <c>1.23 s</c>.</summary>
    internal static string Time(double seconds) => seconds switch
    {
        < 1e-3 => $"{(seconds * 1e6).ToString("0.0", CultureInfo.InvariantCulture)} us",
        < 1 => $"{(seconds * 1e3).ToString("0.0", CultureInfo.InvariantCulture)} ms",
        _ => $"{seconds.ToString("0.00", CultureInfo.InvariantCulture)} s",
    };
}
