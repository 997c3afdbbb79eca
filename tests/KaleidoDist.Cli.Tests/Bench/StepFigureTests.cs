namespace KaleidoDist.Cli.Tests;

public sealed class StepFigureTests
{
    [Fact]
    public void TheMedianIsTheMiddleOrTheMeanOfTheTwoInTheMiddle()
    {
        Assert.Equal(3, StepFigure.Median([9, 1, 3]));
        Assert.Equal(2.5, StepFigure.Median([9, 1, 2, 3]));
    }

    [Fact]
    public void WaysAreComparedTurnByTurn()
    {
        // The machine is four times slower in the second turn; the way is 10 % slower in each.
        StepFigure slow = new("slow", [1.1, 4.4, 2.2], [1, 4, 2], [0, 0, 0]), fast = new("fast", [1, 4, 2], [1, 4, 2], [0, 0, 0]);
        Assert.Equal(0.1, slow.SlowerThan(fast), 1e-12);
        Assert.Equal(1 / 1.1 - 1, fast.SlowerThan(slow), 1e-12);
    }
}
