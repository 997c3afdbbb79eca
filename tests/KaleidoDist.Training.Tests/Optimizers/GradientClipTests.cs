using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

public sealed class GradientClipTests
{
    private static readonly ParameterLayout Layout = new([("a.weight", [7], true), ("b.weight", [5], true)]);

    [Fact]
    public void NormIsTheRootOfTheSumOfSquaresOverAllParameters()
    {
        using var gradients = zeros(Layout.Length);
        gradients[6] = 3;
        gradients[16] = 4;
        Assert.Equal(5, GradientClip.Norm(gradients, Layout));
    }

    [Fact]
    public void PaddingDoesNotCount()
    {
        using var gradients = ones(Layout.Length);
        Assert.Equal(Math.Sqrt(12), GradientClip.Norm(gradients, Layout));
    }

    [Fact]
    public void GradientsAboveTheLimitAreScaledToIt()
    {
        using var gradients = ones(Layout.Length);
        Assert.Equal(Math.Sqrt(12), GradientClip.Apply(gradients, Layout, limit: 0.5));
        Assert.Equal(0.5, GradientClip.Norm(gradients, Layout), 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void GradientsBelowTheLimitOrWithoutOneKeepTheirBits(double limit)
    {
        using var gradients = ones(Layout.Length);
        GradientClip.Apply(gradients, Layout, limit);
        Assert.All(gradients.data<float>(), value => Assert.Equal(1f, value));
    }

    [Fact]
    public void AnInfiniteGradientIsReportedAndNotSpread()
    {
        using var gradients = ones(Layout.Length);
        gradients[2] = float.PositiveInfinity;
        Assert.Equal(double.PositiveInfinity, GradientClip.Apply(gradients, Layout, limit: 1));
        Assert.Equal(1f, gradients[0].item<float>());
    }

    [Fact]
    public void NormHasTheSameBitsForAnyThreadCount()
    {
        var layout = new ParameterLayout([("a.weight", [1_000_003], true)]);
        using var gradients = arange(layout.Length, dtype: ScalarType.Float32).sin();
        var threads = get_num_threads();
        set_num_threads(1);
        var one = GradientClip.Norm(gradients, layout);
        set_num_threads(2);
        var two = GradientClip.Norm(gradients, layout);
        set_num_threads(threads);
        Assert.Equal(BitConverter.DoubleToInt64Bits(one), BitConverter.DoubleToInt64Bits(two));
    }
}
