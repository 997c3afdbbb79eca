using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

public sealed class TaskSumsTests
{
    private static readonly PretrainTask[] Tasks = Enum.GetValues<PretrainTask>();

    [Fact]
    public void NothingCountedHasNoLossAndNoAccuracy()
    {
        var sums = new TaskSums();
        Assert.Equal(0, sums.TotalLoss(TaskWeights.All));
        Assert.All(Tasks, task => Assert.Equal(-1, sums.Accuracy(task)));
        Assert.False(sums.StopRequested || sums.CheckpointRequested);
    }

    [Fact]
    public void LossesAreMeansOverSamplesAndAccuraciesOverAnswers()
    {
        var sums = new TaskSums();
        sums.AddSamples(6, replaced: 1);
        sums.AddSamples(2, replaced: 0);
        sums.Add(PretrainTask.Mlm, lossTimesSamples: 40, correct: 3, answered: 10);
        sums.Add(PretrainTask.Mlm, lossTimesSamples: 24, correct: 2, answered: 10);
        sums.Add(PretrainTask.Grey, lossTimesSamples: 2, correct: 0, answered: 8);
        Assert.Equal((8L, 1L), (sums.SampleCount, sums.ReplacedCount));
        Assert.Equal((8.0, 0.25, 20L), (sums.Loss(PretrainTask.Mlm), sums.Accuracy(PretrainTask.Mlm), sums.Answered(PretrainTask.Mlm)));
        Assert.Equal((0.25, -1.0), (sums.Loss(PretrainTask.Grey), sums.Accuracy(PretrainTask.Grey)));
        Assert.Equal(8.25, sums.TotalLoss(TaskWeights.All));
        Assert.Equal(16.0625, sums.TotalLoss(new TaskWeights { Mlm = 2, Grey = 0.25, Itm = 0 }));
    }

    [Fact]
    public void TheTokenLossIsAMeanOverLeavesWithTokens()
    {
        var sums = new TaskSums();
        sums.AddSamples(6, replaced: 0, withTokens: true);
        sums.AddSamples(2, replaced: 0, withTokens: false);
        sums.Add(PretrainTask.Mlm, lossTimesSamples: 30, correct: 0, answered: 4);
        sums.Add(PretrainTask.Itm, lossTimesSamples: 4, correct: 0, answered: 8);
        Assert.Equal((5.0, 0.5), (sums.Loss(PretrainTask.Mlm), sums.Loss(PretrainTask.Itm)));
    }

    [Fact]
    public void NoFigureSharesItsPlaceWithAnother()
    {
        var sums = new TaskSums();
        var places = new List<int>();
        void Place(Action change)
        {
            var before = sums.Values.ToArray();
            change();
            places.AddRange(Enumerable.Range(0, TaskSums.Length).Where(i => sums.Values[i] != before[i]));
        }

        foreach (var task in Tasks)
        {
            Place(() => sums.Add(task, 1, 0, 0));
            Place(() => sums.Add(task, 0, 1, 0));
            Place(() => sums.Add(task, 0, 0, 1));
        }

        Place(() => sums.AddSamples(1, 0)); // the samples, and those with tokens
        Place(() => sums.AddSamples(0, 1));
        Place(() => sums.Request(stop: true, checkpoint: false, part: false, saving: false));
        Place(() => sums.Request(stop: false, checkpoint: true, part: false, saving: false));
        Place(() => sums.Request(stop: false, checkpoint: false, part: true, saving: false));
        Place(() => sums.Request(stop: false, checkpoint: false, part: false, saving: true));
        Assert.Equal((3 * Tasks.Length) + 7, places.Count);
        Assert.Equal(places.Count, places.Distinct().Count());
    }

    [Fact]
    public void ARequestOfOneRankIsARequestOfTheSum()
    {
        TaskSums asking = new(), silent = new();
        asking.Request(stop: true, checkpoint: false, part: false, saving: false);
        silent.Request(stop: false, checkpoint: false, part: false, saving: false);
        for (var i = 0; i < TaskSums.Length; i++)
            silent.Values[i] += asking.Values[i];
        Assert.True(silent.StopRequested);
        Assert.False(silent.CheckpointRequested);
    }
}
