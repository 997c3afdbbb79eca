namespace KaleidoDist.Data;

/// <summary>
/// Makes the records of rows, in the order of the rows: texts and pictures are read one after the other, pictures are converted on all
/// cores ahead of the record that is taken next. Records, and what is skipped or counted, do not depend on the number of cores.
/// </summary>
internal sealed class RecordReader(
    ImportSource source,
    PictureOptions pictures,
    RowSpool spool,
    RowIndex index,
    CategoryNumbers categories,
    IEnumerable<int> rows,
    Action<SkippedRow> skip,
    ForegroundTally boxes) : IAsyncDisposable
{
    /// <summary>Bytes of pictures read ahead; a picture that alone has more is read all the same.</summary>
    internal const long MostAheadBytes = 64 << 20;

    /// <summary>Rows read ahead: enough that no core waits for another's larger picture.</summary>
    internal static readonly int MostAheadRows = 4 * Environment.ProcessorCount;

    private readonly IEnumerator<int> rows = rows.GetEnumerator();
    private readonly Queue<(SourceRow Row, long Bytes, Task<Conversion> Conversion)> ahead = [];
    private readonly LargePictures large = new();
    private long aheadBytes;

    private readonly record struct Conversion(RawRecord? Record, ForegroundWay? Way, NoImage? Refusal);

    /// <summary>The record of the next row, or null when its picture cannot be used. Not to be called more often than there are rows.</summary>
    public async ValueTask<RawRecord?> NextAsync(CancellationToken cancel)
    {
        while (ahead.Count < MostAheadRows && (aheadBytes < MostAheadBytes || ahead.Count == 0) && rows.MoveNext())
            await BeginAsync(rows.Current, cancel);
        var (row, bytes, conversion) = ahead.Dequeue();
        aheadBytes -= bytes;
        var (record, way, refusal) = await conversion;
        if (refusal is not null)
            skip(new SkippedRow(Path.GetFileName(source.RowsName), row.Line, refusal.Reason, row.Image.Length > 0 ? $"{refusal.Detail}: {row.Image}" : refusal.Detail));
        boxes.Add(way);
        return record;
    }

    /// <summary>Waits for conversions that nobody takes any more.</summary>
    public async ValueTask DisposeAsync()
    {
        rows.Dispose();
        Task conversions = Task.WhenAll(ahead.Select(a => a.Conversion));
        await conversions.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        large.Dispose();
    }

    private async ValueTask BeginAsync(int number, CancellationToken cancel)
    {
        var row = spool.Read(index.Offset(number));
        var image = await source.ReadImageAsync(row, cancel);
        ahead.Enqueue((row, image.ByteCount, Task.Run(() => large.Convert(image, () => Convert(number, row, image)), CancellationToken.None)));
        aheadBytes += image.ByteCount;
    }

    private Conversion Convert(int number, SourceRow row, SourceImage image)
    {
        if (PictureConverter.Convert(image, pictures, out var refusal) is not { } picture)
            return new Conversion(null, null, refusal);
        PixelBox? box = null;
        if (row.ForegroundBox is { } given && (box = picture.Placement!.Place(given)) is null)
            return new Conversion(null, null, new NoImage(SkipReason.OutOfRange, $"foreground box [{given.X1}, {given.Y1}, {given.X2}, {given.Y2}] lies outside the picture"));

        var imageIndex = index.ImageIndex(number);
        var record = new RawRecord
        {
            SampleId = number,
            ProductId = row.ProductId,
            ImageId = row.Image.Length > 0 ? row.Image : $"{row.ProductId}_{imageIndex}",
            ImageIndex = imageIndex,
            Image = picture.Bytes,
            Width = picture.Width,
            Height = picture.Height,
            Text = row.Text,
            Attributes = row.Attributes,
            ForegroundBox = box is { } placed ? [placed.X1, placed.Y1, placed.X2, placed.Y2] : null,
            Alignments = row.Alignments,
            Category = row.Category,
            Subcategory = row.Subcategory,
            CategoryId = categories.CategoryId(index.Pair(number)),
            SubcategoryId = categories.SubcategoryId(index.Pair(number)),
            Split = index.Split(number).FolderName(),
        };
        return new Conversion(record, ForegroundProbe.Of(record), null);
    }
}
