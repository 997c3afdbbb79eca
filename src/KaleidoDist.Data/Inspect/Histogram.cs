namespace KaleidoDist.Data;

/// <summary>Counts values into ranges of one width.</summary>
internal static class Histogram
{
    /// <summary>Ranges of a width that is round (1, 2 or 5 times a power of ten) and gives no more ranges than asked for.</summary>
    public static IReadOnlyList<HistogramRange> Of(IReadOnlyList<int> values, int mostRanges)
        => values.Count == 0 ? [] : Of(values, values.Min(), values.Max(), mostRanges);

    /// <summary>Ranges that cover a span which other values may share.</summary>
    public static IReadOnlyList<HistogramRange> Of(IReadOnlyList<int> values, int least, int most, int mostRanges)
    {
        var width = Width(most - least + 1, mostRanges);
        var first = least / width;
        var counts = new long[most / width - first + 1];
        foreach (var value in values)
            counts[value / width - first]++;
        return [.. counts.Select((count, i) => new HistogramRange((first + i) * width, (first + i + 1) * width, count))];
    }

    /// <summary>Shares 0..1 in ranges of equal width; 1 is in the last.</summary>
    public static IReadOnlyList<HistogramRange> OfShares(IEnumerable<double> shares, int ranges)
    {
        var counts = new long[ranges];
        foreach (var share in shares)
            counts[Math.Min(ranges - 1, (int)(share * ranges))]++;
        return [.. counts.Select((count, i) => new HistogramRange((double)i / ranges, (double)(i + 1) / ranges, count))];
    }

    // One range more than the span has widths, where the span begins inside a range.
    private static int Width(int span, int mostRanges)
    {
        for (var power = 1; ; power *= 10)
        {
            foreach (var factor in (ReadOnlySpan<int>)[1, 2, 5])
            {
                if ((span - 1) / (factor * power) + 2 <= mostRanges || span <= 1)
                    return factor * power;
            }
        }
    }
}
