namespace KaleidoDist.Contracts.Tests;

public sealed class ParameterLayoutTests
{
    private static readonly ParameterLayout Layout = new([("a.weight", [3, 5], true), ("a.bias", [3], false), ("b.weight", [16], true), ("b.bias", [17], false)]);

    [Fact]
    public void DecayedParametersComeFirstInTheirGivenOrder()
        => Assert.Equal(["a.weight", "b.weight", "a.bias", "b.bias"], Layout.Slots.Select(s => s.Name));

    [Fact]
    public void EverySlotBeginsAtAMultipleOfSixtyFourBytes()
    {
        Assert.Equal([0L, 16, 32, 48], Layout.Slots.Select(s => s.Offset));
        Assert.Equal(80, Layout.Length);
        Assert.Equal(32, Layout.DecayedLength);
    }

    [Fact]
    public void PaddingIsNotCountedAsParameters()
    {
        Assert.Equal([15L, 16, 3, 17], Layout.Slots.Select(s => s.Count));
        Assert.Equal(51, Layout.ParameterCount);
    }

    [Fact]
    public void AParameterIsFoundByName()
    {
        Assert.True(Layout.Contains("b.bias"));
        Assert.False(Layout.Contains("B.bias"));
        Assert.Equal(48, Layout["b.bias"].Offset);
        Assert.Throws<KeyNotFoundException>(() => Layout["c"]);
    }

    [Fact]
    public void WithoutDecayedParametersTheDecayedPartIsEmpty()
        => Assert.Equal(0, new ParameterLayout([("bias", [1], false)]).DecayedLength);

    [Fact]
    public void TwoParametersOfOneNameAreRefused()
        => Assert.Throws<ArgumentException>(() => new ParameterLayout([("x", [1], true), ("x", [1], false)]));

    [Fact]
    public void AShapeWhoseProductDoesNotFitIsRefused()
        => Assert.Throws<OverflowException>(() => new ParameterLayout([("x", [1L << 40, 1L << 40], true)]));
}
