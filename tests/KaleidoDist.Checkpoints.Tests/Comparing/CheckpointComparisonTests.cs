using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class CheckpointComparisonTests
{
    [Fact]
    public void TwoSavesOfTheSameWeightsDifferInNothingButTheirPlace()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        var (one, two) = (new Run(folder.Path), new Run(other.Path));
        var comparison = CheckpointComparison.Of((folder.Path, one.Save(10)), (other.Path, two.Save(10)));
        Assert.Empty(comparison.Values);
        Assert.Empty(comparison.Tensors);
        Assert.Equal(NativeTensors.Form.Length, comparison.EqualTensorCount);
    }

    [Fact]
    public void EveryTensorThatChangedIsNamedAndEmptyOnesAreEqual()
    {
        using var folder = new TemporaryFolder();
        var run = new Run(folder.Path);
        var comparison = CheckpointComparison.Of((folder.Path, run.Save(10)), (folder.Path, run.Save(20)));

        Assert.False(comparison.WeightsAreEqual);
        Assert.Equal(["Zeta.bias", "bert.embeddings.weight", "encoder.layer.10.weight", "encoder.layer.2.weight", "scale"], comparison.Tensors.Select(t => t.Name));
        Assert.All(comparison.Tensors, t => Assert.Equal(TensorDifferenceKind.Changed, t.Kind));
        Assert.Equal(1, comparison.EqualTensorCount);
        Assert.Equal([("step", "10", "20"), ("samples", "320", "640")], comparison.Values.Where(v => v.Name != "weights xxh128").Select(v => (v.Name, v.First, v.Second)));
    }

    [Fact]
    public void TheDistanceOfTwoTensorsIsThatOfTheirNumbers()
    {
        var distance = new TensorDistance();
        distance.Add(Bytes(3, 0, float.NaN), Bytes(3, 1, float.NaN));
        Assert.Equal((1.0, double.NaN), (distance.Largest, distance.Relative));
        distance = new TensorDistance();
        distance.Add(Bytes(3, 4), Bytes(3, 1));
        Assert.Equal((3.0, 0.6), (distance.Largest, distance.Relative));

        static byte[] Bytes(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
    }

    [Theory]
    [InlineData("runs/one@17", "runs/one", 17L)]
    [InlineData("runs/one", "runs/one", null)]
    [InlineData("me@home/run", "me@home/run", null)]
    [InlineData("me@home/run@3", "me@home/run", 3L)]
    [InlineData("run@-3", "run@-3", null)]
    public void ACheckpointIsNamedByItsRunAndNumber(string text, string run, long? seq) => Assert.Equal(new CheckpointReference(run, seq), CheckpointReference.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("@3")]
    public void ANameWithoutARunIsAUsageError(string text) => Assert.Equal(ExitCode.Usage, Assert.Throws<KaleidoException>(() => CheckpointReference.Parse(text)).ExitCode);
}
