using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

public sealed class LossWeightsTests
{
    private static readonly TrainingSpec Adaptive = new()
    {
        LossWeighting = LossWeighting.Adaptive, Tasks = new TaskWeights { Rotation = 0, Jigsaw = 0, Camouflage = 0, Grey = 0 },
    };

    [Fact]
    public void ThreeTasksAreWeighedAsFashionBertDoes()
    {
        var weights = LossWeights.Of(Adaptive, History(mlm: 2, itm: 0.7, blank: 1));

        // Softmax of (2, 0.7, 1), squared; then each weight is the product of what the others leave of 3.
        double[] powers = [Math.Exp(2), Math.Exp(0.7), Math.Exp(1)];
        var n = powers.Select(power => power / powers.Sum() * (power / powers.Sum())).ToArray();
        double[] products = [(3 - n[1]) * (3 - n[2]), (3 - n[0]) * (3 - n[2]), (3 - n[0]) * (3 - n[1])];
        Assert.Equal(products[0] / products.Sum(), weights.Mlm, 1e-5);
        Assert.Equal(products[1] / products.Sum(), weights.Itm, 1e-5);
        Assert.Equal(products[2] / products.Sum(), weights.Blank, 1e-5);
        Assert.True(weights.Mlm > weights.Blank && weights.Blank > weights.Itm);
        Assert.Equal([PretrainTask.Mlm, PretrainTask.Itm, PretrainTask.Blank], weights.Tasks);
    }

    [Fact]
    public void TheFirstStepCountsAllTasksAlike()
        => Assert.Equal(TaskWeights.Of(task => Adaptive.Tasks.IsOn(task) ? 1.0 / 3 : 0), LossWeights.Of(Adaptive, ReplicaHistory.None));

    [Fact]
    public void AChosenWeightMultipliesTheAdaptiveOne()
    {
        var history = History(mlm: 2, itm: 0.7, blank: 1);
        var plain = LossWeights.Of(Adaptive, history);
        Assert.Equal(plain with { Mlm = 4 * plain.Mlm }, LossWeights.Of(Adaptive with { Tasks = Adaptive.Tasks with { Mlm = 4 } }, history));
    }

    [Fact]
    public void FixedWeightsDoNotLookAtLosses()
        => Assert.Same(Adaptive.Tasks, LossWeights.Of(Adaptive with { LossWeighting = LossWeighting.Fixed }, History(1, 2, 3)));

    [Fact]
    public void HugeLossesStillGiveEveryTaskAPositiveWeight()
    {
        var weights = LossWeights.Of(Adaptive, History(mlm: 1e6, itm: 0, blank: 0));
        Assert.All(weights.Tasks, task => Assert.InRange(weights[task], 0.2, 0.6));
        Assert.Equal(3, weights.Tasks.Count());
    }

    private static ReplicaHistory History(double mlm, double itm, double blank)
        => ReplicaHistory.None with { Losses = [mlm, itm, double.NaN, double.NaN, double.NaN, double.NaN, blank] };
}
