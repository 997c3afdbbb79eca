using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

public sealed class TaskSumsTests
{
    [Fact]
    public void LossesAreMeansOverSamplesAndAccuraciesSharesOfAnswers()
    {
        var sums = new TaskSums();
        sums.AddSamples(4, replaced: 1);
        sums.Add(PretrainTask.Mlm, lossTimesSamples: 40, correct: 3, answered: 12);
        sums.Add(PretrainTask.Grey, lossTimesSamples: 2, correct: 0, answered: 4);
        Assert.Equal((10.0, 0.25, 12L), (sums.Loss(PretrainTask.Mlm), sums.Accuracy(PretrainTask.Mlm), sums.Answered(PretrainTask.Mlm)));
        Assert.Equal((0.5, -1.0), (sums.Loss(PretrainTask.Grey), sums.Accuracy(PretrainTask.Grey)));
        Assert.Equal(-1, sums.Accuracy(PretrainTask.Itm));
        Assert.Equal((10.5, 4L, 1L), (sums.TotalLoss, sums.SampleCount, sums.ReplacedCount));
    }

    [Fact]
    public void ARequestOfAnyLeafIsSeenInTheSum()
    {
        var asking = new TaskSums();
        asking.Request(stop: true, checkpoint: false);
        var total = new TaskSums();
        for (var i = 0; i < TaskSums.Length; i++)
            total.Values[i] = asking.Values[i] + new TaskSums().Values[i];
        Assert.True(total.StopRequested);
        Assert.False(total.CheckpointRequested);
    }

    [Fact]
    public void NothingCountedHasNoLossAndNoAccuracy()
    {
        var sums = new TaskSums();
        Assert.Equal((0.0, -1.0, 0.0), (sums.Loss(PretrainTask.Mlm), sums.Accuracy(PretrainTask.Mlm), sums.TotalLoss));
    }
}
