namespace KaleidoDist.Cli.Tests;

public sealed class TrendTests
{
    [Fact]
    public void AFallingLossIsAFallingLine() => Assert.Equal("█▇▆▅▄▃▂▁", Trend.Draw([8, 7, 6, 5, 4, 3, 2, 1], 8));

    [Fact]
    public void AConstantIsALowLine() => Assert.Equal("▁▁▁", Trend.Draw([5, 5, 5], 8));

    [Fact]
    public void OnePointIsNoTrend() => Assert.Equal("", Trend.Draw([5], 8));

    [Fact]
    public void MorePointsThanColumnsAreAveraged() => Assert.Equal("▁█", Trend.Draw([1, 2, 3, 4], 2));

    [Fact]
    public void ALongRunKeepsAMeanOfEveryPartOfIt()
    {
        var trend = new Trend();
        for (var i = 0; i < 10_000; i++)
            trend.Add(i);

        // 10,000 = 19 x 512 + 272: points of 512 steps, the last part pending.
        Assert.Equal(Enumerable.Range(0, 19).Select(i => (i * 512) + 255.5), trend.Points);
    }

    [Fact]
    public void ValuesThatAreNotFiniteAreLeftOut()
    {
        var trend = new Trend();
        trend.Add(1);
        trend.Add(double.NaN);
        trend.Add(3);
        Assert.Equal([1.0, 3.0], trend.Points);
    }
}
