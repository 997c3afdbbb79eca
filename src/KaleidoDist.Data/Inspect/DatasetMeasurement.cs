using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads every row of a data set and measures how its texts, classes, pictures and foreground boxes are spread.</summary>
public static class DatasetMeasurement
{
    // Longer texts are cut by any model; beyond this their tokens are not counted one by one.
    private const int MostTokens = 512;
    private const int MostRanges = 32;
    private const int ShareRanges = 20;

    /// <summary>Measures a data set.</summary>
    /// <param name="manifest">From <see cref="DatasetIndexer"/>.</param>
    /// <param name="model">What will read it: text length, and the scale at which pictures are decoded and boxes found.</param>
    /// <param name="progress">Rows read so far.</param>
    /// <param name="cancel">Stops between rows.</param>
    /// <exception cref="KaleidoException">A file cannot be read, or holds vectors instead of pictures.</exception>
    public static async Task<DatasetStatistics> MeasureAsync(
        DatasetManifest manifest, ModelConfig model, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        PatchSource.RequirePictures(manifest, "Statistics are taken from");
        var table = new RowGroupTable(manifest);
        var tally = new Tally(model);
        await using var reader = new RowGroupReader(manifest, table, groupCapacity: 1);
        for (long group = 0; group < table.GroupCount; group++)
        {
            var rows = (await reader.ReadAsync(group, cancel)).Rows;
            foreach (var row in rows)
            {
                cancel.ThrowIfCancellationRequested();
                tally.Add(row);
            }

            progress?.Report(new ImportProgress(table.Locate(group).FirstSample + rows.Count, table.RowCount, ImportPhase.Reading));
        }

        return tally.Statistics(table.RowCount);
    }

    private sealed class Tally(ModelConfig model)
    {
        private readonly PictureDecoder decoder = new();
        private readonly TokenBuffer text = new(WordPieceTokenizer.BertBaseUncased, Math.Max(MostTokens, model.TextLength + 1));
        private readonly int minimumSide = KaleidoSampleEncoder.MinimumDecodedSide(model);
        private readonly List<int> tokens = [], longerSides = [], shorterSides = [];
        private readonly List<double> boxShares = [];
        private readonly Dictionary<string, long> categories = new(StringComparer.Ordinal), subcategories = new(StringComparer.Ordinal);
        private readonly Dictionary<ForegroundWay, long> ways = [];

        public void Add(RawRow row)
        {
            if (!text.TryRead(row.Text) || !decoder.TryDecode(row.Image.Span, minimumSide, out var picture, out _))
                return;
            using (picture)
            {
                tokens.Add(text.Ids.Length);
                longerSides.Add(Math.Max(picture.SourceWidth, picture.SourceHeight));
                shorterSides.Add(Math.Min(picture.SourceWidth, picture.SourceHeight));
                var (box, way) = ForegroundBox.Locate(row.ForegroundBox, picture);
                boxShares.Add((double)box.Width * box.Height / ((double)picture.Width * picture.Height));
                ways[way] = ways.GetValueOrDefault(way) + 1;
                Count(categories, row.Category);
                Count(subcategories, $"{row.Category} / {row.Subcategory}");
            }
        }

        public DatasetStatistics Statistics(long rowCount) => new()
        {
            RowCount = rowCount,
            BadRowCount = rowCount - tokens.Count,
            TextLength = model.TextLength,
            CutRowCount = tokens.Count(count => count > model.TextLength),
            TokenCounts = Histogram.Of(tokens, MostRanges),
            Categories = Descending(categories),
            Subcategories = Descending(subcategories),
            BoxShares = Histogram.OfShares(boxShares, ShareRanges),
            ForegroundWays = ForegroundWays.Of(ways),
            LongerSides = Sides(longerSides),
            ShorterSides = Sides(shorterSides),
        };

        private IReadOnlyList<HistogramRange> Sides(List<int> sides)
            => sides.Count == 0 ? [] : Histogram.Of(sides, shorterSides.Min(), longerSides.Max(), MostRanges);

        private static void Count(Dictionary<string, long> counts, string name) => counts[name] = counts.GetValueOrDefault(name) + 1;

        private static IReadOnlyList<ClassCount> Descending(Dictionary<string, long> counts)
            => [.. counts.Select(c => new ClassCount(c.Key, c.Value)).OrderByDescending(c => c.RowCount).ThenBy(c => c.Name, StringComparer.Ordinal)];
    }
}
