namespace KaleidoDist.Cli.Tests;

public sealed class CurveSeriesTests
{
    [Fact]
    public void ThinningAveragesNeighboursAndKeepsTheWholeRange()
    {
        var thin = new CurveSeries([1, 2, 3, 4, 5], [10, 20, 30, 40, 50]).Thinned(2);
        Assert.Equal([1.5, 4], thin.Steps);
        Assert.Equal([15.0, 40], thin.Values);
    }

    [Fact]
    public void SmoothingAveragesBothSidesAndLessAtTheEnds()
        => Assert.Equal([1.5, 2, 3, 3.5], new CurveSeries([1, 2, 3, 4], [1, 2, 3, 4]).Smoothed(1).Values);

    [Fact]
    public void PointsThatAreMissingOrNotFiniteAreLeftOut()
    {
        var series = CurveSeries.Of([1L, 2, 3, 4], s => s, s => s switch { 1 => null, 2 => double.NaN, 3 => double.PositiveInfinity, _ => 7.0 });
        Assert.Equal([4.0], series.Steps);
        Assert.Equal([7.0], series.Values);
    }
}
