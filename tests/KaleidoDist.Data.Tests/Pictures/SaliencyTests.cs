using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class SaliencyTests
{
    // Published L*a*b* values of sRGB colours under D65.
    [Theory]
    [InlineData(255, 255, 255, 100, 0, 0)]
    [InlineData(0, 0, 0, 0, 0, 0)]
    [InlineData(255, 0, 0, 53.24, 80.09, 67.20)]
    [InlineData(0, 255, 0, 87.73, -86.18, 83.18)]
    [InlineData(0, 0, 255, 32.30, 79.19, -107.86)]
    [InlineData(128, 128, 128, 53.59, 0, 0)]
    public void ColoursHaveTheirLab(byte red, byte green, byte blue, double l, double a, double b)
    {
        var lab = new int[3];
        LabTable.Convert([red, green, blue], lab);
        double[] expected = [l, a, b];
        Assert.All(lab.Zip(expected), pair => Assert.InRange((double)pair.First / LabTable.Scale, pair.Second - 0.3, pair.Second + 0.3));
    }

    [Fact]
    public void OtsuSeparatesTwoValuesWhole()
    {
        var histogram = new int[256];
        (histogram[10], histogram[200]) = (30, 70);
        var otsu = OtsuThreshold.Of(histogram);
        Assert.InRange(otsu.Threshold, 10, 199);
        Assert.Equal(1, otsu.Separability, 1e-12);
    }

    [Fact]
    public void OneValueCannotBeSeparated()
    {
        var histogram = new int[256];
        histogram[77] = 5;
        Assert.Equal(0, OtsuThreshold.Of(histogram).Separability);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(1, 4)]
    [InlineData(7, 6)]
    public void SmoothingIsTheWeightedMeanWithTheEdgeContinued(int width, int height)
    {
        var random = new KeyedRandom(4, RandomPurpose.Import);
        var source = new int[3 * width * height];
        for (var i = 0; i < source.Length; i++)
            source[i] = random.Next(1000) - 500;
        var smooth = new int[source.Length];
        Binomial.Smooth(source, smooth, width, height, 3);

        int[] kernel = [1, 4, 6, 4, 1];
        for (var i = 0; i < source.Length; i++)
        {
            var (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
            var expected = 0;
            for (var tap = 0; tap < 25; tap++)
            {
                var (fromX, fromY) = (Math.Clamp(x + tap % 5 - 2, 0, width - 1), Math.Clamp(y + tap / 5 - 2, 0, height - 1));
                expected += kernel[tap % 5] * kernel[tap / 5] * source[3 * (fromY * width + fromX) + channel];
            }

            Assert.Equal(expected, smooth[i]);
        }
    }
}
