using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data.Tests;

public sealed class RowGroupReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static RowGroupReader Reader(DatasetManifest manifest, int capacity = 4) => new(manifest, new RowGroupTable(manifest), capacity);

    [Fact]
    public async Task LastUsedRowGroupsAreRemembered()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 12, 4);
        await using var reader = Reader(DatasetIndexer.Index(folder["a.parquet"]), capacity: 2);
        foreach (var group in new long[] { 0, 1, 0, 2, 0 })
            Assert.Equal(group * 4, (await reader.ReadAsync(group)).Rows[0].SampleIndex);
        Assert.Equal(3, reader.ReadCount);
        await reader.ReadAsync(1);
        Assert.Equal(4, reader.ReadCount);
    }

    [Fact]
    public async Task MoreFilesThanAreKeptOpenCanBeRead()
    {
        for (var i = 0; i < 12; i++)
            await RawFiles.WriteAsync(folder[$"part-{i:00}.parquet"], 2, 2, first: i * 2);
        await using var reader = Reader(DatasetIndexer.Index(folder.ToString()), capacity: 1);
        for (var pass = 0; pass < 2; pass++)
        {
            for (var group = 0; group < 12; group++)
                Assert.Equal(RawFiles.Picture(group * 2), (await reader.ReadAsync(group)).Rows[0].Image.ToArray());
        }
    }

    [Fact]
    public async Task AFileThatChangedSinceItWasIndexedIsRefused()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 12, 4);
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        await RawFiles.WriteAsync(folder["a.parquet"], 12, 3);
        await using var reader = Reader(manifest);
        var error = await Assert.ThrowsAsync<KaleidoException>(async () => await reader.ReadAsync(0));
        Assert.StartsWith($"'{folder["a.parquet"]}' changed since it was indexed (", error.Message, StringComparison.Ordinal);
        File.Delete(folder["a.parquet"]);
        error = await Assert.ThrowsAsync<KaleidoException>(async () => await reader.ReadAsync(0));
        Assert.StartsWith($"'{folder["a.parquet"]}': no such file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NullableColumnsOfOtherWritersAreReadWhenNoValueIsMissing()
    {
        await WriteNullableAsync([[1, 2], [3]], ["one", "two"]);
        await using var reader = Reader(DatasetIndexer.Index(folder["a.parquet"]));
        var rows = (await reader.ReadAsync(0)).Rows;
        Assert.Equal(["p0", "p1"], rows.Select(r => r.ProductId));
        Assert.Equal(["one", "two"], rows.Select(r => r.Text));
        Assert.Equal([1, 2], rows[0].Image.ToArray());
        Assert.Equal([3], rows[1].Image.ToArray());
        Assert.Equal(["", ""], rows.Select(r => r.Category));
        Assert.Equal([0, 1], rows.Select(r => r.CategoryId));
    }

    [Fact]
    public async Task ANullInARequiredColumnIsNamedWithItsRow()
    {
        await WriteNullableAsync([[1], [2]], ["one", null]);
        await using var reader = Reader(DatasetIndexer.Index(folder["a.parquet"]));
        var error = await Assert.ThrowsAsync<KaleidoException>(async () => await reader.ReadAsync(0));
        Assert.Equal($"Row 1 of row group 0 of '{folder["a.parquet"]}' has no 'text' (null); expected a value in every row. Import the data set again without this row.", error.Message);
    }

    [Fact]
    public async Task DamagedPagesAreNamedWithFileAndRowGroup()
    {
        await RawFiles.WriteAsync(folder["a.parquet"], 12, 4);
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        long text;
        await using (var parquet = await ParquetReader.CreateAsync(folder["a.parquet"]))
            text = parquet.RowGroups[0].GetMetadata(parquet.Schema.FindDataField("text"))!.MetaData!.DataPageOffset;
        var bytes = File.ReadAllBytes(folder["a.parquet"]);
        bytes.AsSpan((int)text, 40).Fill(0xFF);
        File.WriteAllBytes(folder["a.parquet"], bytes);

        await using var reader = Reader(manifest);
        var error = await Assert.ThrowsAsync<KaleidoException>(async () => await reader.ReadAsync(0));
        Assert.StartsWith($"Row group 0 of '{folder["a.parquet"]}' cannot be read (", error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.Equal(4, (await reader.ReadAsync(2)).Rows.Count);
    }

    private Task WriteNullableAsync(byte[][] images, string?[] texts) => ForeignFiles.WriteAsync(
        folder["a.parquet"],
        ["p0", "p1"],
        new DataField("image", typeof(ReadOnlyMemory<byte>), isNullable: true),
        (group, field) => group.WriteAsync(field, images),
        texts,
        [0, 1]);
}
