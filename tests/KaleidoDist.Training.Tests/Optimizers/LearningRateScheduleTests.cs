using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

public sealed class LearningRateScheduleTests
{
    private static LearningRateSchedule Linear(double warmup, long steps) => new(new ScheduleSpec { Name = "linear", Warmup = warmup }, 1, steps);

    [Theory]
    [InlineData(0, 0.125 * (1 - (0.5 / 40)))]
    [InlineData(1, 0.375 * (1 - (1.5 / 40)))]
    [InlineData(3, 0.875 * (1 - (3.5 / 40)))]
    [InlineData(4, 1 - (4.5 / 40))]
    [InlineData(20, 1 - (20.5 / 40))]
    [InlineData(39, 1 - (39.5 / 40))]
    [InlineData(40, 0)]
    [InlineData(1000, 0)]
    public void LinearMultipliesWarmupAndDecay(long step, double expected) => Assert.Equal(expected, Linear(0.1, 40).RateAt(step), 1e-15);

    [Fact]
    public void EveryStepOfALinearScheduleHasAPositiveRate()
    {
        foreach (var total in new long[] { 1, 2, 7, 1000 })
        {
            var schedule = Linear(0.1, total);
            for (long step = 0; step < total; step++)
                Assert.True(schedule.RateAt(step) > 0, $"step {step} of {total}");
        }
    }

    [Theory]
    [InlineData(0.1, 1000, 100)]
    [InlineData(0.1, 9, 0)]
    [InlineData(50, 1000, 50)]
    [InlineData(1, 1000, 1)]
    [InlineData(0, 1000, 0)]
    public void WarmupBelowOneIsAShareAndFromOneOnACount(double warmup, long total, long expected) => Assert.Equal(expected, Linear(warmup, total).WarmupSteps);

    [Theory]
    [InlineData(0, 0.05)]
    [InlineData(9, 0.95)]
    [InlineData(10, 1)]
    [InlineData(1_000_000, 1)]
    public void ConstantStaysAtThePeakAfterWarmup(long step, double expected)
        => Assert.Equal(2e-3 * expected, new LearningRateSchedule(new ScheduleSpec { Name = "constant", Warmup = 10 }, 2e-3, 100).RateAt(step), 1e-15);

    [Theory]
    [InlineData(0, 0.25, 1.0, 0.0)]
    [InlineData(0, 0.5, 2.0, 0.1)]
    [InlineData(17, 1.0, 2.0, 0.1)]
    [InlineData(39, 1.0, 0.5, 0.1)]
    [InlineData(40, 1.0, 3.0, 0.25)]
    public void PolynomialIsThePowerOfTheShareThatIsLeftDownToTheEndRate(long step, double peak, double power, double end)
    {
        var schedule = new LearningRateSchedule(new ScheduleSpec { Name = "polynomial", Warmup = 4, Power = power, EndLearningRate = end }, peak, 40);
        var left = Math.Max(0, 1 - ((step + 0.5) / 40));
        var expected = (end + ((peak - end) * Math.Pow(left, power))) * Math.Min(1, (step + 0.5) / 4);
        Assert.Equal(expected, schedule.RateAt(step), 1e-7 * peak);
    }

    [Fact]
    public void APolynomialOfPowerOneToZeroIsLinear()
    {
        var polynomial = new LearningRateSchedule(new ScheduleSpec { Name = "polynomial", Warmup = 0.1 }, 1, 40);
        for (long step = 0; step < 45; step++)
            Assert.Equal(Linear(0.1, 40).RateAt(step), polynomial.RateAt(step), 1e-7);
    }

    [Fact]
    public void AnUnknownNameIsAUsageError()
    {
        var error = Assert.Throws<KaleidoException>(() => new LearningRateSchedule(new ScheduleSpec { Name = "cosine" }, 1, 10));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains("cosine", error.Message, StringComparison.Ordinal);
    }
}
