using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class RawParquetWriterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task RowsComeBackAsTheyWereWritten()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], count: 10, rowsPerGroup: 4);
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        await using var reader = new RowGroupReader(manifest, new RowGroupTable(manifest), groupCapacity: 1);
        var second = await reader.ReadAsync(1);

        Assert.Equal(1, second.GroupIndex);
        for (var i = 0; i < second.Rows.Count; i++)
        {
            var expected = RawFiles.Record(4 + i);
            var row = second.Rows[i];
            Assert.Equal(4 + i, row.SampleIndex);
            Assert.Equal(expected.ProductId, row.ProductId);
            Assert.Equal(expected.Image.ToArray(), row.Image.ToArray());
            Assert.Equal(expected.Text, row.Text);
            Assert.Equal((expected.Category, expected.Subcategory), (row.Category, row.Subcategory));
            Assert.Equal((expected.CategoryId, expected.SubcategoryId), (row.CategoryId, row.SubcategoryId));
            Assert.Null(row.ForegroundBox);
            Assert.Empty(row.Alignments);
        }
    }

    [Theory]
    [InlineData(3, new long[] { 3 })]
    [InlineData(4, new long[] { 4 })]
    [InlineData(5, new long[] { 5 })]
    [InlineData(6, new long[] { 4, 2 })]
    [InlineData(9, new long[] { 4, 5 })]
    [InlineData(10, new long[] { 4, 4, 2 })]
    public async Task TheLastRowGroupHasHalfToOneAndAHalfTimesTheRows(int count, long[] groups)
    {
        await RawFiles.WriteAsync(folder["a.parquet"], count, rowsPerGroup: 4);
        var runs = DatasetIndexer.Index(folder["a.parquet"]).Files[0].RowGroups;
        Assert.Equal(groups, runs.SelectMany(r => Enumerable.Repeat(r.Rows, (int)r.Count)));
    }

    [Fact]
    public async Task TheSameRowsGiveTheSameBytes()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 50, 8);
        await RawFiles.WriteAsync(folder["b.parquet"], 50, 8);
        Assert.Equal(File.ReadAllBytes(folder["a.parquet"]), File.ReadAllBytes(folder["b.parquet"]));
    }

    [Fact]
    public async Task AFileThatWasNotCompletedLeavesNothingBehind()
    {
        await using (var writer = await RawParquetWriter.CreateAsync(folder["a.parquet"], 2))
        {
            for (var id = 0; id < 5; id++)
                await writer.AddAsync(RawFiles.Record(id));
            Assert.False(File.Exists(folder["a.parquet"]));
        }

        Assert.Empty(Directory.GetFiles(folder.ToString()));
    }

    [Fact]
    public async Task AFileWithoutRowsIsRefused()
    {
        await using var writer = await RawParquetWriter.CreateAsync(folder["a.parquet"]);
        var error = await Assert.ThrowsAsync<KaleidoException>(() => writer.CompleteAsync());
        Assert.Equal($"'{folder["a.parquet"]}' would have 0 rows; expected at least 1. Check what the import skipped.", error.Message);
    }
}
