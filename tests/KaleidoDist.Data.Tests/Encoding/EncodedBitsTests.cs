using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

/// <summary>
/// The bits of encoded samples, pinned: whoever makes the encoder faster or clearer changes none of them, or says so. The pictures are
/// lossless, so that no decoder's rounding has a part in it, and their boxes are given.
/// </summary>
public sealed class EncodedBitsTests
{
    [Theory]
    [InlineData(16, "ed09d2b83c3c732b911779a28e4f9260")]
    [InlineData(32, "460bb1209920ad03a023497c8d40cbd9")]
    public void EncodedSamplesHaveTheBitsTheyAlwaysHad(int cellSide, string expected)
    {
        var model = ModelConfig.Preset("kaleido-tiny")! with { CellSide = cellSide };
        var rows = Enumerable.Range(0, 12).Select(i => Drawn.Row(i) with
        {
            Image = Drawn.Product((ulong)i, 60 + 17 * i, SkiaSharp.SKEncodedImageFormat.Png),
            ForegroundBox = [i, 2 * i, 55 + 13 * i, 59 + 15 * i],
        });
        var group = new RowGroup(0, [.. rows]);
        var encoder = new KaleidoSampleEncoder(new SampleEncoderOptions { Model = model, Seed = 42 });
        var batch = new MicroBatch(group.Rows.Count, model);
        for (var row = 0; row < group.Rows.Count; row++)
            Assert.True(encoder.TryEncode(group, row, 3, batch, row));
        var hash = Enumerable.Range(0, group.Rows.Count).Aggregate(UInt128.Zero, (all, slot) => unchecked(all * 31 + EncodedSlot.Hash(batch, slot)));
        Assert.Equal(expected, $"{hash:x32}");
    }
}
