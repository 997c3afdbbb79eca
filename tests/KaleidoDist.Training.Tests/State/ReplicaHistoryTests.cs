using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

public sealed class ReplicaHistoryTests
{
    private static readonly ReplicaHistory Example = new()
    {
        Losses = [10.25, 0.1 + 0.2, 1e-300, double.NaN, double.MaxValue, -0.0, 1.0 / 3], Evaluations = new EvaluationTrack(40, 0.1 + 0.7, 20, 3),
        Kept = new EvaluationTrack(50, double.NegativeInfinity, 50, 0),
    };

    private static readonly string[] Both = ["training.loss_weighting=adaptive", "evaluation.every=10", "evaluation.early_stop.metric=validation.mlm.loss", "checkpoint.keep.best.metric=validation.itm.accuracy"];

    [Fact]
    public void BytesKeepEveryBit()
    {
        var bytes = new byte[ReplicaHistory.ByteCount];
        Example.Write(bytes);
        AssertSame(Example, ReplicaHistory.Read(bytes));
        ReplicaHistory.None.Write(bytes);
        AssertSame(ReplicaHistory.None, ReplicaHistory.Read(bytes));
    }

    [Fact]
    public void ValuesOfACheckpointKeepEveryBit()
    {
        var spec = MicroJob.Spec("runs/unused", Both);
        AssertSame(Example, ReplicaHistory.FromValues(Example.ToValues(spec).ToDictionary(), spec));
        AssertSame(ReplicaHistory.None, ReplicaHistory.FromValues(ReplicaHistory.None.ToValues(spec).ToDictionary(), spec));
    }

    [Fact]
    public void WhatTheJobDoesNotUseIsNotSaved() => Assert.Empty(Example.ToValues(MicroJob.Spec("runs/unused")));

    [Fact]
    public void AnotherMetricBeginsAnew()
    {
        var values = Example.ToValues(MicroJob.Spec("runs/unused", Both)).ToDictionary();
        var other = MicroJob.Spec("runs/unused", [.. Both, "evaluation.early_stop.metric=validation.itm.loss"]);
        Assert.Equal((EvaluationTrack.None, Example.Kept), (ReplicaHistory.FromValues(values, other).Evaluations, ReplicaHistory.FromValues(values, other).Kept));
    }

    private static void AssertSame(ReplicaHistory expected, ReplicaHistory actual)
    {
        Assert.Equal(expected.Losses.Select(BitConverter.DoubleToInt64Bits), actual.Losses.Select(BitConverter.DoubleToInt64Bits));
        Assert.Equal((expected.Evaluations, expected.Kept), (actual.Evaluations, actual.Kept));
    }
}
