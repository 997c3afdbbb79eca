using KaleidoDist.Contracts;

namespace KaleidoDist.Cli.Tests;

public sealed class TaskSummaryTests
{
    [Theory]
    [InlineData(0.262, 300, 0.25, "at chance (noise ±7.5 %)")]
    [InlineData(0.32, 300, 0.25, "at chance (noise ±7.5 %)")]
    [InlineData(0.33, 300, 0.25, "1.3 times chance")]
    [InlineData(0.33, 30, 0.25, "at chance (noise ±23.7 %)")]
    [InlineData(0.1, 300, 0.25, "below chance")]
    [InlineData(0.69, 250, 1 / 24.0, "16.6 times chance")]
    public void AnAccuracyIsAboveChanceOnlyBeyondThreeStandardErrors(double accuracy, long count, double chance, string verdict)
        => Assert.Equal(verdict, TaskSummary.Classification(accuracy, count, chance));

    [Fact]
    public void AnAccuracyThatWasNotMeasuredHasNoVerdict() => Assert.Equal("not measured", TaskSummary.Classification(null, 0, 0.5));

    [Fact]
    public void MaskedWordsAreJudgedByPerplexity()
    {
        TaskRecord[] learned = [new() { Loss = 10.3 }, new() { Loss = 5 }];
        Assert.Equal("validation perplexity 200.3 times lower", TaskSummary.Language(learned, 10, 4));
        Assert.Equal("validation perplexity no lower than at the start", TaskSummary.Language([.. learned.Reverse()], 10, 4));
        Assert.Equal("training perplexity 403.4 times lower", TaskSummary.Language([], 10, 4));
        Assert.Equal("diverged", TaskSummary.Language([], 10, double.NaN));
    }

    [Fact]
    public void AReconstructionIsLowerOnlyBeyondTheNoiseOfItsSteps()
    {
        Assert.Equal("loss 20.0 % lower", TaskSummary.Reconstruction([0.2, 0.201, 0.199], [0.16, 0.161, 0.159]));
        Assert.Equal("no lower than at the start", TaskSummary.Reconstruction([0.2, 0.25, 0.15], [0.19, 0.24, 0.14]));
        Assert.Equal("no lower than at the start", TaskSummary.Reconstruction([0.2], [0.1]));
    }

    [Fact]
    public void ARunIsSummedUpTaskByTask() => Assert.Equal(
        """
        task         training loss      validation loss   validation accuracy   chance     verdict
        mlm          10.13 -> 4.413     10.3 -> 4.4       0.0 % -> 34.0 %       0.0033 %   validation perplexity 365 times lower
        itm          0.6903 -> 0.6854   0.693 -> 0.693    51.0 % -> 51.0 %      50.0 %     at chance (noise ±8.7 %)
        rotation     1.395 -> 1.389     1.386 -> 1.386    25.0 % -> 26.2 %      25.0 %     at chance (noise ±7.5 %)
        jigsaw       3.15 -> 1.268      3.05 -> 1.13      5.0 % -> 69.0 %       4.2 %      16.6 times chance
        camouflage   2.209 -> 2.202     2.197 -> 2.197    12.0 % -> 12.0 %      11.1 %     at chance (noise ±5.4 %)
        grey         0.1865 -> 0.1575   0.187 -> 0.157    -                     -          loss 15.5 % lower
        blank        0.19 -> 0.1896     0.19 -> 0.19      -                     -          no lower than at the start
        Validation perplexity of masked words: 29,733 -> 81.45
        Training losses are means over the first and the last 5.0 % of 300 steps.

        """,
        TestConsole.Text(TrainingSummary.Of(SyntheticRuns.Learning(), 30_522).Write));

    [Fact]
    public void WithoutValidationTheTrainingSetIsJudged()
    {
        var run = SyntheticRuns.Learning() with { Validations = [] };
        var tasks = TrainingSummary.Of(run, 30_522).Tasks.ToDictionary(t => t.Task, t => t.Verdict);
        Assert.StartsWith("training perplexity ", tasks[PretrainTask.Mlm], StringComparison.Ordinal);
        Assert.StartsWith("at chance", tasks[PretrainTask.Rotation], StringComparison.Ordinal);
        Assert.EndsWith("times chance", tasks[PretrainTask.Jigsaw], StringComparison.Ordinal);
    }

    [Fact]
    public void ARunWithoutStepsHasNothingToSumUp()
        => Assert.Equal("No steps to sum up.\n", TestConsole.Text(TrainingSummary.Of(RunHistory.Empty, 30_522).Write));
}
