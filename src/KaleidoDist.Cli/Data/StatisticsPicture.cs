using System.Globalization;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using ScottPlot;
using Alignment = ScottPlot.Alignment;

namespace KaleidoDist.Cli;

/// <summary>
/// Draws a data set's statistics as one picture of small multiples: tokens of the texts, share of the picture in the box, how boxes were
/// found, picture sizes, categories and sub-categories.
/// </summary>
internal static class StatisticsPicture
{
    private const int ColumnCount = 3, PanelWidth = 560, PanelHeight = 400;
    private const int ShownClasses = 12, LongestName = 30;
    private const float LabelSize = 12;

    // The longest bar leaves this room for its number.
    private const double RoomForLabels = 1.5;

    private static readonly Color BarColor = Color.FromHex("#1f77b4");
    private static readonly Color SecondColor = Color.FromHex("#2ca02c");
    private static readonly Color TailColor = Color.FromHex("#7f7f7f");
    private static readonly Color LimitColor = Color.FromHex("#d62728");

    /// <summary>Draws the picture as a PNG file.</summary>
    /// <exception cref="KaleidoException">The file cannot be written.</exception>
    internal static void Save(DatasetStatistics statistics, string source, string path)
    {
        try
        {
            File.WriteAllBytes(path, Draw(statistics, source));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KaleidoException($"Histograms '{path}' cannot be written: {e.Message} Expected a folder that exists and allows writing.", inner: e);
        }
    }

    /// <summary>Draws the picture; the bytes of a PNG.</summary>
    internal static byte[] Draw(DatasetStatistics statistics, string source)
    {
        CurveFont.Use();
        var rows = statistics.RowCount - statistics.BadRowCount;
        List<Plot> panels =
        [
            Tokens(statistics, rows, source), BoxShares(statistics), Ways(statistics.ForegroundWays, rows),
            Sizes(statistics), Classes("rows per category", statistics.Categories, rows), Classes("rows per sub-category", statistics.Subcategories, rows),
        ];
        return PanelPicture.Draw(panels, ColumnCount, PanelWidth, PanelHeight);
    }

    private static Plot Tokens(DatasetStatistics statistics, long rows, string source)
    {
        var plot = Panel($"text length: {Units.Count(rows)} rows of {source}", "tokens, [CLS] and [SEP] counted", "rows");
        Ranges(plot, statistics.TokenCounts, BarColor);
        if (statistics.TokenCounts.Count > 0 && statistics.TokenCounts[^1].To >= statistics.TextLength)
        {
            var limit = plot.Add.VerticalLine(statistics.TextLength, 2, LimitColor, LinePattern.Dashed);
            limit.LegendText = $"{Units.Percent((double)statistics.CutRowCount / Math.Max(1, rows))} cut at {statistics.TextLength}";
            plot.ShowLegend(Alignment.UpperRight);
        }
        else
        {
            var note = plot.Add.Annotation($"none is cut: the model reads {statistics.TextLength}", Alignment.UpperRight);
            (note.LabelBackgroundColor, note.LabelShadowColor, note.LabelBorderColor) = (Colors.White, Colors.Transparent, TailColor);
        }

        return plot;
    }

    private static Plot BoxShares(DatasetStatistics statistics)
    {
        var plot = Panel("foreground box", "share of the picture, %", "rows");
        Ranges(plot, [.. statistics.BoxShares.Select(r => new HistogramRange(100 * r.From, 100 * r.To, r.RowCount))], BarColor);
        return plot;
    }

    private static Plot Ways(ForegroundWays ways, long rows)
    {
        var plot = Panel("how the box was found", "", "rows");
        (string Name, long Count)[] bars = [("given", ways.Given), ("border", ways.Border), ("saliency", ways.Saliency), ("whole picture", ways.Whole)];
        for (var i = 0; i < bars.Length; i++)
        {
            var bar = Bar(i, bars[i].Count, i == bars.Length - 1 ? TailColor : BarColor);
            bar.Label = Labelled(bars[i].Count, rows);
            AddLabelled(plot, bar);
        }

        plot.Axes.Bottom.SetTicks([.. Enumerable.Range(0, bars.Length).Select(i => (double)i)], [.. bars.Select(b => b.Name)]);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        plot.Axes.Margins(bottom: 0, top: 0.15);
        return plot;
    }

    private static Plot Sizes(DatasetStatistics statistics)
    {
        var plot = Panel("picture sizes", "pixels", "rows");
        Ranges(plot, Part(statistics.ShorterSides, 0), SecondColor, "shorter side");
        Ranges(plot, Part(statistics.LongerSides, 0.5), BarColor, "longer side");
        plot.ShowLegend(Alignment.UpperLeft);
        return plot;
    }

    // Half of each range, so that two histograms stand side by side.
    private static IReadOnlyList<HistogramRange> Part(IReadOnlyList<HistogramRange> ranges, double start)
        => [.. ranges.Select(r => new HistogramRange(r.From + start * (r.To - r.From), r.From + (start + 0.5) * (r.To - r.From), r.RowCount))];

    // The largest from the top; below them one bar for all others.
    private static Plot Classes(string title, IReadOnlyList<ClassCount> classes, long rows)
    {
        List<(string Name, long Count, Color Color)> bars = [.. classes.Take(ShownClasses).Select(c => (Short(c.Name), c.RowCount, BarColor))];
        if (classes.Count > ShownClasses)
            bars.Add(($"{Units.Count(classes.Count - ShownClasses)} others", classes.Skip(ShownClasses).Sum(c => c.RowCount), TailColor));
        var plot = Panel($"{title} ({Units.Count(classes.Count)})", "rows", "");
        for (var i = 0; i < bars.Count; i++)
        {
            var bar = Bar(-i, bars[i].Count, bars[i].Color);
            (bar.Orientation, bar.Label) = (Orientation.Horizontal, Labelled(bars[i].Count, rows));
            AddLabelled(plot, bar, horizontal: true);
        }

        plot.Axes.Left.SetTicks([.. Enumerable.Range(0, bars.Count).Select(i => -(double)i)], [.. bars.Select(b => b.Name)]);
        plot.Axes.Left.MajorTickStyle.Length = 0;
        plot.Axes.SetLimits(0, Math.Max(1, RoomForLabels * bars.Select(b => b.Count).DefaultIfEmpty().Max()), 0.3 - bars.Count, 0.7);
        return plot;
    }

    private static Plot Panel(string title, string x, string y)
    {
        var plot = new Plot();
        plot.Title(title, 16);
        plot.XLabel(x, LabelSize);
        plot.YLabel(y, LabelSize);
        plot.Axes.Margins(bottom: 0, top: 0.12);
        return plot;
    }

    private static void Ranges(Plot plot, IReadOnlyList<HistogramRange> ranges, Color color, string? legend = null)
    {
        if (ranges.Count == 0)
            return;
        var bars = plot.Add.Bars(ranges.Select(r => new Bar
        {
            Position = (r.From + r.To) / 2, Value = r.RowCount, Size = 0.94 * (r.To - r.From), FillColor = color, LineWidth = 0,
        }).ToArray());
        bars.LegendText = legend ?? "";
    }

    private static Bar Bar(double position, long count, Color color) => new() { Position = position, Value = count, Size = 0.8, FillColor = color, LineWidth = 0 };

    private static void AddLabelled(Plot plot, Bar bar, bool horizontal = false)
    {
        var bars = plot.Add.Bars(new[] { bar });
        bars.Horizontal = horizontal;
        bars.ValueLabelStyle.FontSize = LabelSize;
    }

    private static string Labelled(long count, long rows)
        => string.Create(CultureInfo.InvariantCulture, $"{count:N0} ({Units.Percent((double)count / Math.Max(1, rows))})");

    private static string Short(string name) => name.Length <= LongestName ? name : $"{name[..(LongestName - 1)]}…";
}
