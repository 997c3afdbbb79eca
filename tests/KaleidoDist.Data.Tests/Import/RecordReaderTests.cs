namespace KaleidoDist.Data.Tests;

public sealed class RecordReaderTests : IDisposable
{
    private const int RowCount = 200;

    private readonly TemporaryFolder folder = new();
    private readonly CategoryNumbers categories = new();
    private readonly RowIndex index = new();
    private readonly RowSpool spool;
    private readonly List<SkippedRow> skipped = [];

    public RecordReaderTests()
    {
        spool = new RowSpool(folder.ToString());
        for (var i = 0; i < RowCount; i++)
        {
            var row = new SourceRow(i + 1, $"{i}.png", "text", $"p{i}", "c", "c");
            index.Add(spool.Add(row), row.ProductId, categories.Add(row, out _)!.Value, DataSplit.Train);
        }

        categories.Complete();
    }

    public void Dispose()
    {
        spool.Dispose();
        folder.Dispose();
    }

    private RecordReader Reader(ImportSource source, ForegroundTally? boxes = null)
        => new(source, new PictureOptions { MaxSide = 8 }, spool, index, categories, Enumerable.Range(0, RowCount).Reverse(), skipped.Add, boxes ?? new ForegroundTally());

    [Fact]
    public async Task RecordsAndSkippedRowsKeepTheirOrderWhilePicturesAreConvertedAhead()
    {
        // Every fifth picture is missing; others differ in size, so they are not done in the order they were begun.
        using var source = new FakeSource(row => row % 5 == 0 ? new NoImage(SkipReason.PictureMissing, "no such picture") : new EncodedImage(Pictures.HalfRed(8 + row % 7 * 100, 40)));
        var boxes = new ForegroundTally();
        await using var reader = Reader(source, boxes);
        var records = new List<long?> { (await reader.NextAsync(default))?.SampleId };
        Assert.Equal(RecordReader.MostAheadRows, source.ReadCount);
        while (records.Count < RowCount)
            records.Add((await reader.NextAsync(default))?.SampleId);
        Assert.Equal(Enumerable.Range(0, RowCount).Reverse().Select(i => i % 5 == 0 ? (long?)null : i), records);
        Assert.Equal(Enumerable.Range(0, RowCount).Reverse().Where(i => i % 5 == 0).Select(i => i + 1L), skipped.Select(s => s.Line));
        Assert.Equal(RowCount * 4 / 5, boxes.Take().Total);
        Assert.Equal(0, boxes.Take().Total);
    }

    [Fact]
    public async Task FewLargePicturesAreHeldAtOnce()
    {
        var notAPicture = new byte[RecordReader.MostAheadBytes / 2 + 1];
        using var source = new FakeSource(_ => new EncodedImage(notAPicture));
        await using var reader = Reader(source);
        Assert.Null(await reader.NextAsync(default));
        Assert.Equal(2, source.ReadCount);
        Assert.Null(await reader.NextAsync(default));
        Assert.Equal(3, source.ReadCount);
    }

    private sealed class FakeSource(Func<int, SourceImage> image) : ImportSource
    {
        public int ReadCount { get; private set; }

        public override string Kind => "fake";

        internal override string RowsName => "rows";

        internal override IReadOnlyDictionary<string, string> Identity() => new Dictionary<string, string>();

        internal override IEnumerable<SourceRow> ReadRows(Action<SkippedRow> skip) => [];

        internal override ValueTask<SourceImage> ReadImageAsync(SourceRow row, CancellationToken cancel)
        {
            ReadCount++;
            return ValueTask.FromResult(image((int)row.Line - 1));
        }
    }
}
