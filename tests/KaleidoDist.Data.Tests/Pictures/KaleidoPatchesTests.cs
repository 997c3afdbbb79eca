using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class KaleidoPatchesTests
{
    [Theory]
    [InlineData(112, 112, 16)]
    [InlineData(113, 61, 16)]
    [InlineData(40, 33, 16)]
    [InlineData(97, 300, 32)]
    [InlineData(3, 2, 8)]
    [InlineData(1, 1, 4)]
    public void EveryPixelIsTheMeanOfTheAreaUnderIt(int width, int height, int side)
    {
        var random = new KeyedRandom(5, RandomPurpose.Import);
        using var crop = Drawn.Picture(width, height, (_, _) => (random.Next(256), random.Next(256), random.Next(256)));
        var patches = new float[PatchLevels.PatchCount * 3 * side * side];
        KaleidoPatches.Cut(crop, side, patches);
        for (var level = 1; level <= 5; level++)
        {
            for (var cell = 0; cell < level * level; cell++)
            {
                var box = KaleidoPatches.Cell(width, height, level, cell);
                for (var i = 0; i < 3 * side * side; i++)
                {
                    var (channel, y, x) = (i / (side * side), i / side % side, i % side);
                    var expected = AreaMean(crop, box, (double)x * box.Width / side, (double)(x + 1) * box.Width / side, (double)y * box.Height / side, (double)(y + 1) * box.Height / side, channel);
                    Assert.Equal(expected / 127.5 - 1, patches[(PatchLevels.Offset(level) + cell) * 3 * side * side + i], 1e-5);
                }
            }
        }
    }

    [Fact]
    public void BlackAndWhiteAreExactlyTheEndsOfTheRange()
    {
        foreach (var (value, expected) in new[] { (0, -1f), (255, 1f) })
        {
            using var crop = Drawn.Picture(211, 97, (_, _) => (value, value, value));
            var patches = new float[PatchLevels.PatchCount * 3 * 16 * 16];
            KaleidoPatches.Cut(crop, 16, patches);
            Assert.All(patches, pixel => Assert.Equal(expected, pixel));
        }
    }

    [Fact]
    public void CellsOfALevelTileTheCropWithoutOverlap()
    {
        foreach (var (width, height) in new[] { (112, 112), (33, 47), (5, 5), (101, 7) })
        {
            for (var level = 1; level <= 5; level++)
            {
                var seen = new int[width * height];
                for (var cell = 0; cell < level * level; cell++)
                {
                    var box = KaleidoPatches.Cell(width, height, level, cell);
                    for (var y = box.Y1; y < box.Y2; y++)
                    {
                        for (var x = box.X1; x < box.X2; x++)
                            seen[y * width + x]++;
                    }
                }

                Assert.All(seen, count => Assert.Equal(1, count));
            }
        }
    }

    [Fact]
    public void PositionsAreFractionsOfTheCrop()
    {
        var positions = new float[PatchLevels.PatchCount * 5];
        KaleidoPatches.WritePositions(100, 50, positions);
        Assert.Equal([0, 1, 0, 1, 1], positions[..5]);
        Assert.Equal([0.5f, 1, 0, 0.5f, 0.25f], positions[10..15]);
        Assert.Equal([0.33f, 0.66f, 0.32f, 0.66f, 33 * 17 / 5000f], positions[(5 * 9)..(5 * 10)]);
        Assert.Equal([0.8f, 1, 0.8f, 1, 0.04f], positions[^5..]);
        KaleidoPatches.WritePositions(2, 1, positions);
        Assert.All(positions, value => Assert.InRange(value, 0, 1));
    }

    private static double AreaMean(Picture crop, PixelBox box, double x1, double x2, double y1, double y2, int channel)
    {
        double sum = 0;
        for (var y = (int)y1; y < Math.Min(box.Height, y2 + 1); y++)
        {
            for (var x = (int)x1; x < Math.Min(box.Width, x2 + 1); x++)
            {
                var area = Math.Max(0, Math.Min(x2, x + 1) - Math.Max(x1, x)) * Math.Max(0, Math.Min(y2, y + 1) - Math.Max(y1, y));
                sum += area * crop.Row(box.Y1 + y)[3 * (box.X1 + x) + channel];
            }
        }

        return sum / ((x2 - x1) * (y2 - y1));
    }
}
