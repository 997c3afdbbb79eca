namespace KaleidoDist.Data;

/// <summary>Rows whose number lies in a range.</summary>
/// <param name="From">Lower end, inclusive.</param>
/// <param name="To">Upper end, exclusive; of the last range inclusive.</param>
/// <param name="RowCount">Rows.</param>
public readonly record struct HistogramRange(double From, double To, long RowCount);

/// <summary>How many rows a category or sub-category has.</summary>
/// <param name="Name">Its name; a sub-category's behind its category's and a slash.</param>
/// <param name="RowCount">Rows.</param>
public sealed record ClassCount(string Name, long RowCount);

/// <summary>How many foreground boxes were found in which way.</summary>
/// <param name="Given">By the data set.</param>
/// <param name="Border">By their difference from the border.</param>
/// <param name="Saliency">By saliency.</param>
/// <param name="Whole">Not at all: the whole picture.</param>
public sealed record ForegroundWays(long Given, long Border, long Saliency, long Whole)
{
    /// <summary>Rows with a picture.</summary>
    public long Total => Given + Border + Saliency + Whole;

    /// <summary>Share of them that fell back to the whole picture, 0..1.</summary>
    public double WholeShare => Total > 0 ? (double)Whole / Total : 0;

    /// <summary>Counts of two data sets together.</summary>
    public static ForegroundWays operator +(ForegroundWays a, ForegroundWays b)
        => new(a.Given + b.Given, a.Border + b.Border, a.Saliency + b.Saliency, a.Whole + b.Whole);

    /// <summary>Counts by way.</summary>
    internal static ForegroundWays Of(IReadOnlyDictionary<ForegroundWay, long> counts) => new(
        counts.GetValueOrDefault(ForegroundWay.Given), counts.GetValueOrDefault(ForegroundWay.Border),
        counts.GetValueOrDefault(ForegroundWay.Saliency), counts.GetValueOrDefault(ForegroundWay.Whole));
}

/// <summary>How the rows of a data set are spread. Rows that training would replace are counted and otherwise left out.</summary>
public sealed record DatasetStatistics
{
    /// <summary>All rows.</summary>
    public required long RowCount { get; init; }

    /// <summary>Rows whose picture does not decode or whose text is empty.</summary>
    public required long BadRowCount { get; init; }

    /// <summary>Longest text a model reads, in tokens with [CLS] and [SEP].</summary>
    public required int TextLength { get; init; }

    /// <summary>Rows whose text is cut at <see cref="TextLength"/>.</summary>
    public required long CutRowCount { get; init; }

    /// <summary>Rows by tokens of the whole text, [CLS] and [SEP] counted.</summary>
    public required IReadOnlyList<HistogramRange> TokenCounts { get; init; }

    /// <summary>Categories, those with most rows first.</summary>
    public required IReadOnlyList<ClassCount> Categories { get; init; }

    /// <summary>Sub-categories, those with most rows first.</summary>
    public required IReadOnlyList<ClassCount> Subcategories { get; init; }

    /// <summary>Rows by the share of the picture that the foreground box takes, 0..1.</summary>
    public required IReadOnlyList<HistogramRange> BoxShares { get; init; }

    /// <summary>How the boxes were found.</summary>
    public required ForegroundWays ForegroundWays { get; init; }

    /// <summary>Rows by the picture's longer side as its file stores it, in pixels.</summary>
    public required IReadOnlyList<HistogramRange> LongerSides { get; init; }

    /// <summary>Rows by the picture's shorter side, in pixels, in the same ranges.</summary>
    public required IReadOnlyList<HistogramRange> ShorterSides { get; init; }
}
