using System.Runtime.InteropServices;
using KaleidoDist.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

public sealed class ResNet50Tests : IDisposable
{
    private const double Tolerance = 1e-5;
    private readonly GoldenTensors golden = new(Path.Combine(AppContext.BaseDirectory, "Golden", "resnet50.safetensors"));
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(64)]
    [InlineData(224)]
    public void EveryStageAndTheFeaturesAreTorchvisions(int side)
    {
        using var weights = GoldenWeights();
        using var network = new ResNet50(weights, CPU);
        var pixels = Numbers(1000 + (uint)side, 3 * side * side).reshape(1, 3, side, side);

        var summaries = golden.Floats($"stages.{side}");
        foreach (var (index, output) in network.Stages(pixels).Index())
        {
            var expected = summaries.AsSpan(3 * index, 3);
            var values = output.to(ScalarType.Float64).flatten();
            AssertNear(expected[0], values.mean().item<double>(), expected[0], $"mean of stage {index}");
            AssertNear(expected[1], values.square().mean().item<double>(), expected[1], $"mean square of stage {index}");
            AssertNear(expected[2], values[^1].item<double>(), Math.Sqrt(expected[1]), $"last element of stage {index}");
        }

        var features = network.Forward(pixels);
        Assert.Equal([1, ResNet50Layout.FeatureSize], features.shape);
        var wanted = golden.Floats($"features.{side}");
        foreach (var (index, value) in features.flatten().data<float>().ToArray().Index())
            AssertNear(wanted[index], value, wanted.Max(), $"feature {index}");
    }

    [Fact]
    public void EachPictureOfAMicroBatchHasTheFeaturesItHasAlone()
    {
        using var weights = GoldenWeights();
        using var network = new ResNet50(weights, CPU);
        var pixels = Numbers(7, 3 * 3 * 32 * 32).reshape(3, 3, 32, 32);
        var together = network.Forward(pixels);
        for (var i = 0; i < 3; i++)
            Assert.True((together[i] - network.Forward(pixels.narrow(0, i, 1))[0]).abs().max().item<float>() < 1e-4 * together.max().item<float>());
    }

    [Fact]
    public void WeightsOfASeedGiveFeaturesThatHalfPrecisionHoldsAndAnotherSeedOthers()
    {
        var pixels = Numbers(7, 3 * 64 * 64).reshape(1, 3, 64, 64);
        var first = Features(1);
        Assert.Equal(first, Features(1));
        Assert.NotEqual(first, Features(2));
        Assert.All(first, value => Assert.InRange(value, 0, 1000));
        Assert.InRange(first.Max(), 0.1, 1000);

        float[] Features(ulong seed)
        {
            using var weights = new ResNet50Weights();
            weights.Initialize(seed);
            using var network = new ResNet50(weights, CPU);
            return network.Forward(pixels).flatten().data<float>().ToArray();
        }
    }

    [Fact]
    public void ItsTensorsAreThoseOfTorchvision()
    {
        var slots = ResNet50Weights.Layout.Slots;
        Assert.Equal(265, slots.Count);
        Assert.Equal(23_508_032 + 53_120, slots.Sum(s => s.Count));
        Assert.Equal([512, 512, 3, 3], ResNet50Weights.Layout["layer4.2.conv2.weight"].Shape);
        Assert.Equal([1024, 512, 1, 1], ResNet50Weights.Layout["layer3.0.downsample.0.weight"].Shape);
        Assert.Equal([2048], ResNet50Weights.Layout["layer4.0.downsample.1.running_var"].Shape);
    }

    [Fact]
    public void AForwardPassLeavesOneTensor()
    {
        using var weights = GoldenWeights();
        using var network = new ResNet50(weights, CPU);
        var pixels = Numbers(7, 3 * 32 * 32).reshape(1, 3, 32, 32);
        var before = Tensor.TotalCount;
        using (NewDisposeScope())
            network.Forward(pixels);
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static ResNet50Weights GoldenWeights()
    {
        var weights = new ResNet50Weights();
        foreach (var (index, slot) in ResNet50Weights.Layout.Slots.Index())
        {
            using var part = weights.Values.narrow(0, slot.Offset, slot.Count);
            var values = MemoryMarshal.Cast<byte, float>(part.bytes);
            var bound = slot.Shape.Count > 1 ? Math.Sqrt(6.0 * slot.Shape[0] / slot.Count) : 0;
            var (isLast, isScale) = (slot.Name.EndsWith("bn3.weight", StringComparison.Ordinal), slot.Name.EndsWith("weight", StringComparison.Ordinal) || slot.Name.EndsWith("running_var", StringComparison.Ordinal));
            for (var i = 0; i < values.Length; i++)
            {
                var u = GoldenNumbers.Uniform((uint)index, (uint)i);
                values[i] = (float)(bound > 0 ? (2 * u - 1) * bound : isLast ? 0.1 + 0.2 * u : isScale ? 0.5 + u : 0.2 * (u - 0.5));
            }
        }

        return weights;
    }

    private static Tensor Numbers(uint tensor, int count)
        => from_array(Enumerable.Range(0, count).Select(i => (float)GoldenNumbers.Uniform(tensor, (uint)i)).ToArray());

    private static void AssertNear(double expected, double actual, double scale, string what)
        => Assert.True(Math.Abs(expected - actual) <= Tolerance * scale, $"{what} is {actual}; expected {expected}");
}
