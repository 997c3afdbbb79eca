using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class DatasetMeasurementTests : IDisposable
{
    private static readonly ModelConfig Model = ModelConfig.Preset("kaleido-tiny")!;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task EveryGoodRowIsCountedOnceInEveryHistogram()
    {
        // Ten rows: one picture does not decode, one text has 80 words. Products of half the side leave a box of 62 x 62 in 112 x 112.
        await using (var writer = await RawParquetWriter.CreateAsync(folder["a.parquet"], 4))
        {
            for (var id = 0; id < 10; id++)
            {
                await writer.AddAsync(RawFiles.Record(id) with
                {
                    Image = id == 5 ? new byte[] { 1, 2, 3 } : Product(id < 4 ? 112 : 224),
                    Text = string.Join(' ', Enumerable.Repeat("word", id == 9 ? 80 : 3)),
                });
            }

            await writer.CompleteAsync();
        }

        var statistics = await DatasetMeasurement.MeasureAsync(DatasetIndexer.Index(folder["a.parquet"]), Model);
        Assert.Equal((10, 1, 64, 1), (statistics.RowCount, statistics.BadRowCount, statistics.TextLength, statistics.CutRowCount));
        Assert.Equal([(5, 8), (80, 1)], statistics.TokenCounts.Where(r => r.RowCount > 0).Select(r => ((int)r.From, (int)r.RowCount)));
        Assert.Equal([new ClassCount("category 0", 4), new ClassCount("category 1", 3), new ClassCount("category 2", 2)], statistics.Categories);
        Assert.Equal(9, statistics.Subcategories.Sum(c => c.RowCount));
        Assert.Equal(new HistogramRange(0.3, 0.35, 9), Assert.Single(statistics.BoxShares, r => r.RowCount > 0));
        Assert.Equal(new ForegroundWays(0, 9, 0, 0), statistics.ForegroundWays);
        Assert.Equal(0, statistics.ForegroundWays.WholeShare);
        Assert.Equal([4L, 5L], statistics.LongerSides.Where(r => r.RowCount > 0).Select(r => r.RowCount));
        Assert.Equal(statistics.LongerSides, statistics.ShorterSides);
    }

    [Theory]
    [InlineData(new[] { 7 }, 30, new[] { 7, 8, 1 })]
    [InlineData(new[] { 0, 1, 1, 3 }, 30, new[] { 0, 1, 1, 1, 2, 2, 2, 3, 0, 3, 4, 1 })]
    [InlineData(new[] { 5, 64 }, 8, new[] { 0, 10, 1, 10, 20, 0, 20, 30, 0, 30, 40, 0, 40, 50, 0, 50, 60, 0, 60, 70, 1 })]
    public void RangesAreRoundAndNoMoreThanAskedFor(int[] values, int most, int[] expected)
        => Assert.Equal(expected, Histogram.Of(values, most).SelectMany(r => new[] { (int)r.From, (int)r.To, (int)r.RowCount }));

    [Fact]
    public void AShareOfOneIsInTheLastRange()
        => Assert.Equal([1L, 0L, 0L, 2L], Histogram.OfShares([0, 0.75, 1], 4).Select(r => r.RowCount));

    [Fact]
    public void NoRowsMakeNoHistogram() => Assert.Empty(Histogram.Of([], 10));

    private static byte[] Product(int side)
    {
        using var bitmap = new SkiaSharp.SKBitmap(side, side);
        using var canvas = new SkiaSharp.SKCanvas(bitmap);
        using var paint = new SkiaSharp.SKPaint();
        canvas.Clear(SkiaSharp.SKColors.White);
        canvas.DrawRect(side / 4, side / 4, side / 2, side / 2, paint);
        return Drawn.Encode(bitmap);
    }
}
