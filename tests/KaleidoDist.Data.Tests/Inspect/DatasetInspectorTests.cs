namespace KaleidoDist.Data.Tests;

public sealed class DatasetInspectorTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task CountsWhatIsThereAndNamesBadRows()
    {
        await using (var writer = await RawParquetWriter.CreateAsync(folder["a.parquet"], 4))
        {
            for (var id = 0; id < 10; id++)
            {
                await writer.AddAsync(RawFiles.Record(id) with
                {
                    Image = id == 5 ? new byte[] { 1, 2, 3 } : Pictures.HalfRed(id < 4 ? 8 : 12, 6),
                    Text = id == 9 ? " " : string.Join(' ', Enumerable.Repeat("word", id + 1)),
                });
            }

            await writer.CompleteAsync();
        }

        var report = await DatasetInspector.InspectAsync(DatasetIndexer.Index(folder["a.parquet"]));
        Assert.Equal((10, 3, 5), (report.RowCount, report.RowGroupCount, report.ProductCount));
        Assert.Equal([new CategoryReport(0, "category 0", 4, 4), new CategoryReport(1, "category 1", 3, 3), new CategoryReport(2, "category 2", 3, 3)], report.Categories);
        Assert.Equal([new TextLengthReport(0, 0, 1), new TextLengthReport(1, 4, 4), new TextLengthReport(5, 8, 4), new TextLengthReport(9, 16, 1)], report.TextLengths);
        Assert.Equal([new PictureSizeReport(12, 6, 5), new PictureSizeReport(8, 6, 4)], report.PictureSizes);
        Assert.Equal(9, report.ForegroundWays.Whole);
        Assert.Equal(2, report.BadRowCount);
        Assert.Equal(
            [new BadRowReport(folder["a.parquet"], 1, 1, "picture does not decode: its 3 bytes are no JPEG, PNG or WebP"), new BadRowReport(folder["a.parquet"], 2, 1, "text is empty")],
            report.BadRows);
        Assert.Equal(new ColumnReport("image", "binary", false), report.Columns[4]);
        Assert.Equal(new FileReport(folder["a.parquet"], new FileInfo(folder["a.parquet"]).Length, 10, 3), Assert.Single(report.Files));
    }
}
