using System.Text.Json.Serialization;
using KaleidoDist.Contracts;
using Parquet;
using Parquet.Serialization;

namespace KaleidoDist.Data.Tests;

public sealed class AnnotationReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private async Task<IReadOnlyList<RawRow>> ReadAsync(params AnnotatedRow[] rows)
    {
        await ParquetSerializer.SerializeAsync(rows, folder["a.parquet"], new ParquetOptions { CompressionMethod = CompressionMethod.None });
        var manifest = DatasetIndexer.Index(folder["a.parquet"]);
        await using var reader = new RowGroupReader(manifest, new RowGroupTable(manifest), 1);
        return (await reader.ReadAsync(0)).Rows;
    }

    [Fact]
    public async Task BoxesAndAlignmentsAreReadWhereTheyArePresent()
    {
        var rows = await ReadAsync(
            new AnnotatedRow { Box = [1, 2, 30, 40], Alignments = [new AnnotatedWord(1, 2, 3, 4, 0.5f), new AnnotatedWord(5, 7, 5, 24, 1)] },
            new AnnotatedRow(),
            new AnnotatedRow { Box = [], Alignments = [] },
            new AnnotatedRow { Alignments = [new AnnotatedWord(0, 1, 1, 0, -2)] });
        Assert.Equal([[1, 2, 30, 40], null, null, null], rows.Select(r => r.ForegroundBox));
        Assert.Equal([new Alignment(1, 2, 3, 4, 0.5f), new Alignment(5, 7, 5, 24, 1)], rows[0].Alignments);
        Assert.Empty(rows[1].Alignments);
        Assert.Empty(rows[2].Alignments);
        Assert.Equal([new Alignment(0, 1, 1, 0, -2)], rows[3].Alignments);
    }

    [Theory]
    [InlineData(2, 2, 1, 0)]
    [InlineData(-1, 1, 1, 0)]
    [InlineData(0, 1, 6, 0)]
    [InlineData(0, 1, 0, 0)]
    [InlineData(0, 1, 2, 4)]
    public async Task AlignmentsThatPointNowhereAreRefused(short start, short end, sbyte level, sbyte patch)
    {
        var error = await Assert.ThrowsAsync<KaleidoException>(
            () => ReadAsync(new AnnotatedRow(), new AnnotatedRow { Alignments = [new AnnotatedWord(start, end, level, patch, 1)] }));
        Assert.StartsWith($"Row 1 of row group 0 of '{folder["a.parquet"]}' has the alignment Alignment {{ WordStart = {start}, ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 1, 2, 3 })]
    [InlineData(new[] { 5, 5, 5, 9 })]
    [InlineData(new[] { -1, 0, 4, 4 })]
    public async Task BoxesWithoutAnAreaAreRefused(int[] box)
    {
        var error = await Assert.ThrowsAsync<KaleidoException>(() => ReadAsync(new AnnotatedRow { Box = [.. box] }));
        Assert.Equal(
            $"Row 0 of row group 0 of '{folder["a.parquet"]}' has a foreground box [{string.Join(", ", box)}]; expected 4 numbers x1 < x2, y1 < y2. Write the data set again.",
            error.Message);
    }

    private sealed class AnnotatedRow
    {
        [JsonPropertyName("product_id")]
        public string ProductId { get; set; } = "p";

        [JsonPropertyName("image")]
        public byte[] Image { get; set; } = [1];

        [JsonPropertyName("text")]
        public string Text { get; set; } = "t";

        [JsonPropertyName("category_id")]
        public int CategoryId { get; set; }

        [JsonPropertyName("subcategory_id")]
        public int SubcategoryId { get; set; }

        [JsonPropertyName("fg_box")]
        public List<int>? Box { get; set; }

        [JsonPropertyName("alignments")]
        public List<AnnotatedWord>? Alignments { get; set; }
    }

    private sealed class AnnotatedWord
    {
        public AnnotatedWord()
        {
        }

        public AnnotatedWord(short start, short end, sbyte level, sbyte patch, float score)
            => (Start, End, Level, Patch, Score) = (start, end, level, patch, score);

        [JsonPropertyName("word_start")]
        public short Start { get; set; }

        [JsonPropertyName("word_end")]
        public short End { get; set; }

        [JsonPropertyName("level")]
        public sbyte Level { get; set; }

        [JsonPropertyName("patch")]
        public sbyte Patch { get; set; }

        [JsonPropertyName("score")]
        public float Score { get; set; }
    }
}
