namespace KaleidoDist.Training.Tests;

/// <summary>The time between checkpoints of <c>checkpoint.every: auto</c>.</summary>
public sealed class CheckpointIntervalTests
{
    [Fact]
    public void AtATenthOfASecondAndOneFailureInEightHoursItIsSeventySixSeconds()
        => Assert.Equal(75.9, Seconds(stall: 0.1), 1);

    [Theory]
    [InlineData(0, 0, 0, 0, 30)] // what costs nothing is done often, but not all the time
    [InlineData(0.1, 0, 100, 0, 30)] // and so is what is needed often
    [InlineData(2, 0, 0, 0, 339.4)]
    [InlineData(5, 0, 1000, 0, 500)] // training waits 1 % of the time at most
    [InlineData(0, 12, 0, 0, 120)] // the storage is busy a tenth of the time at most
    [InlineData(0.1, 0, 0, 1e9, 1800)]
    [InlineData(100, 0, 0, 0, 1800)]
    public void TheIntervalGrowsWithTheCostAndShrinksWithFailures(double stall, double durable, long failures, double running, double expected)
        => Assert.Equal(expected, Seconds(stall, durable, failures, running), 1);

    private static double Seconds(double stall = 0, double durable = 0, long failures = 0, double running = 0)
        => CheckpointInterval.Auto(TimeSpan.FromSeconds(stall), TimeSpan.FromSeconds(durable), failures, TimeSpan.FromSeconds(running)).TotalSeconds;
}
