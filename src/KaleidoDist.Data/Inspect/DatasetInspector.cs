using KaleidoDist.Contracts;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>Reads every row of a data set, decodes every picture and reports what is there.</summary>
public static class DatasetInspector
{
    /// <summary>Bad rows that are listed one by one.</summary>
    public const int MaxListedBadRowCount = 20;

    /// <summary>Picture sizes that are listed.</summary>
    public const int MaxSizeCount = 10;

    /// <summary>Upper ends of the ranges of words of a text; one more range is open.</summary>
    private static readonly int[] WordBounds = [0, 4, 8, 16, 32, 64, 128];

    /// <summary>Inspects a data set.</summary>
    /// <param name="manifest">From <see cref="DatasetIndexer"/>.</param>
    /// <param name="progress">Rows read so far.</param>
    /// <param name="cancel">Stops between rows.</param>
    /// <exception cref="KaleidoException">A file cannot be read.</exception>
    public static async Task<DatasetReport> InspectAsync(DatasetManifest manifest, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        var table = new RowGroupTable(manifest);
        var tally = new Tally();
        await using var reader = new RowGroupReader(manifest, table, groupCapacity: 1);
        for (long group = 0; group < table.GroupCount; group++)
        {
            var location = table.Locate(group);
            var rows = (await reader.ReadAsync(group, cancel)).Rows;
            for (var row = 0; row < rows.Count; row++)
            {
                cancel.ThrowIfCancellationRequested();
                if (tally.Add(rows[row]) is { } problem)
                    tally.AddBad(new BadRowReport(manifest.Files[location.File].Path, location.GroupInFile, row, problem));
            }

            progress?.Report(new ImportProgress(location.FirstSample + rows.Count, table.RowCount, ImportPhase.Reading));
        }

        return new DatasetReport
        {
            Schema = manifest.Schema,
            Fingerprint = manifest.Fingerprint,
            RowCount = table.RowCount,
            RowGroupCount = table.GroupCount,
            ProductCount = tally.Products.Count,
            Files = [.. manifest.Files.Select(f => new FileReport(f.Path, f.Bytes, f.RowGroups.Sum(r => r.Count * r.Rows), f.RowGroups.Sum(r => r.Count)))],
            Columns = await ColumnsAsync(manifest.Files[0].Path, cancel),
            Categories = [.. tally.Categories.OrderBy(c => c.Key.Id).ThenBy(c => c.Key.Name, StringComparer.Ordinal)
                .Select(c => new CategoryReport(c.Key.Id, c.Key.Name, c.Value.Rows, c.Value.Subcategories.Count))],
            TextLengths = Ranges(tally.WordCounts),
            PictureSizes = [.. tally.Sizes.OrderByDescending(s => s.Value).ThenBy(s => s.Key).Take(MaxSizeCount)
                .Select(s => new PictureSizeReport(s.Key.Width, s.Key.Height, s.Value))],
            ForegroundWays = ForegroundWays.Of(tally.Ways),
            BadRowCount = tally.BadRowCount,
            BadRows = tally.BadRows,
        };
    }

    private static async Task<IReadOnlyList<ColumnReport>> ColumnsAsync(string path, CancellationToken cancel)
    {
        await using var file = await ShardFile.OpenAsync(path, cancel);
        return [.. file.Reader.Schema.Fields.Select(f => new ColumnReport(f.Name, f is DataField data ? RawSchema.TypeName(data) : "group", f.IsNullable))];
    }

    private static List<TextLengthReport> Ranges(long[] counts)
    {
        var ranges = new List<TextLengthReport>();
        for (var i = 0; i < counts.Length; i++)
            ranges.Add(new TextLengthReport(i == 0 ? 0 : WordBounds[i - 1] + 1, i < WordBounds.Length ? WordBounds[i] : null, counts[i]));
        var first = ranges.FindIndex(r => r.RowCount > 0);
        return ranges[first..(ranges.FindLastIndex(r => r.RowCount > 0) + 1)];
    }

    /// <summary>Counts over the rows read so far.</summary>
    private sealed class Tally
    {
        private readonly PictureDecoder decoder = new();
        private readonly int minimumSide = KaleidoSampleEncoder.MinimumDecodedSide(ModelConfig.Preset("kaleido-tiny")!);

        public HashSet<string> Products { get; } = new(StringComparer.Ordinal);

        public Dictionary<(int Id, string Name), (long Rows, HashSet<int> Subcategories)> Categories { get; } = [];

        public long[] WordCounts { get; } = new long[WordBounds.Length + 1];

        public Dictionary<(int Width, int Height), long> Sizes { get; } = [];

        public Dictionary<ForegroundWay, long> Ways { get; } = [];

        public List<BadRowReport> BadRows { get; } = [];

        public long BadRowCount { get; private set; }

        /// <summary>Counts a row; returns what is wrong with it, or null.</summary>
        public string? Add(RawRow row)
        {
            Products.Add(row.ProductId);
            var key = (row.CategoryId, row.Category);
            var (rows, subcategories) = Categories.TryGetValue(key, out var known) ? known : (0, []);
            subcategories.Add(row.SubcategoryId);
            Categories[key] = (rows + 1, subcategories);

            var words = row.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
            var range = Array.FindIndex(WordBounds, bound => words <= bound);
            WordCounts[range < 0 ? WordBounds.Length : range]++;

            if (row.Vectors is not null)
                return words == 0 ? "text is empty" : null;
            if (!decoder.TryDecode(row.Image.Span, minimumSide, out var picture, out var reason))
                return $"picture does not decode: {reason}";
            using (picture)
            {
                var size = (picture.SourceWidth, picture.SourceHeight);
                Sizes[size] = Sizes.GetValueOrDefault(size) + 1;
                var way = ForegroundBox.Locate(row.ForegroundBox, picture).Way;
                Ways[way] = Ways.GetValueOrDefault(way) + 1;
            }

            return words == 0 ? "text is empty" : null;
        }

        public void AddBad(BadRowReport row)
        {
            if (BadRowCount++ < MaxListedBadRowCount)
                BadRows.Add(row);
        }
    }
}
