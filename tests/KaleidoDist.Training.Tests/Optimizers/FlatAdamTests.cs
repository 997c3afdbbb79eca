using KaleidoDist.Contracts;
using KaleidoDist.Model;
using KaleidoDist.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

public sealed class FlatAdamTests : IDisposable
{
    private static readonly OptimizerSpec Spec = new() { Beta1 = 0.9, Beta2 = 0.98, Epsilon = 1e-6, WeightDecay = 0.01, ClipNorm = 1 };

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly GoldenCase golden = new();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ThreeClippedStepsReproduceTheGoldenWeights(bool fused)
    {
        using var parameters = golden.Parameters();
        using var optimizer = new FlatAdam(Spec, parameters.Weights, parameters.Gradients, parameters.Layout, fused);
        var model = new KaleidoBert(parameters);
        double[] norms = golden.File.Doubles("expect.adamw_grad_norms"), losses = golden.File.Doubles("expect.adamw_losses");
        for (var step = 0; step < 3; step++)
        {
            parameters.ZeroGradients();
            var inputs = golden.Inputs();
            var total = KaleidoLosses.Compute(model.Forward(inputs, training: true), inputs, golden.Scale).Total;
            total.backward();
            Assert.Equal(losses[step], total.item<float>(), 1e-4 * losses[step]);
            Assert.Equal(norms[step], GradientClip.Apply(parameters.Gradients, parameters.Layout, Spec.ClipNorm), 1e-4 * norms[step]);
            optimizer.Step(1e-3);
        }

        Assert.Equal(3, optimizer.StepCount);
        foreach (var slot in parameters.Layout.Slots)
        {
            // Adam divides the rounding noise of these zero gradients by itself; their scale is that of the weights beside them.
            var scale = slot.Name.Replace("self.key.bias", "self.key.weight", StringComparison.Ordinal);
            var error = golden.RelativeError($"after_adamw.{slot.Name}", parameters[slot.Name], $"after_adamw.{scale}");
            Assert.True(error < 1e-4, $"{slot.Name}: {error:e2}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PaddingStaysZeroAndOnlyTheDecayedPartShrinks(bool fused)
    {
        var layout = new ParameterLayout([("a.weight", [3], true), ("a.bias", [2], false)]);
        Tensor weights = zeros(layout.Length), gradients = zeros(layout.Length);
        weights.narrow(0, layout["a.weight"].Offset, 3).fill_(1);
        weights.narrow(0, layout["a.bias"].Offset, 2).fill_(1);
        using var optimizer = new FlatAdam(Spec with { WeightDecay = 0.5 }, weights, gradients, layout, fused);
        optimizer.Step(0.5);
        var expected = zeros(layout.Length);
        expected.narrow(0, 0, 3).fill_(0.75);
        expected.narrow(0, 16, 2).fill_(1);
        Assert.Equal(expected.data<float>(), weights.data<float>());
    }

    /// <summary>Made once with torch.optim of PyTorch 1.13: 4 steps at 0.01, betas 0.9 and 0.98, epsilon 1e-6, decay 0.1 on the first six.</summary>
    [Theory]
    [InlineData("adam", true)]
    [InlineData("adam", false)]
    [InlineData("adamw", true)]
    [InlineData("adamw", false)]
    public void FourStepsReproduceAnotherImplementation(string name, bool fused)
    {
        double[] expected = name == "adam"
            ? [0.507091641, 0.283902794, -0.187360257, -0.500906408, -0.339620769, 0.122173198, 0.486492425, 0.390143692, -0.0543321781]
            : [0.506861508, 0.283807397, -0.18758513, -0.500754058, -0.339460015, 0.122334674, 0.486492425, 0.390143692, -0.0543321781];
        using var toy = new ToyParameters();
        using var optimizer = new FlatAdam(ToyParameters.Spec(name), toy.Weights, toy.Gradients, toy.Layout, fused);
        for (var step = 1; step <= 4; step++)
        {
            toy.SetGradients(step);
            optimizer.Step(ToyParameters.Rate);
        }

        Assert.All(expected.Zip(toy.Values(toy.Weights)), pair => Assert.Equal(pair.First, pair.Second, 2e-7));
    }

    [Fact]
    public void AStepCountRestoredWithItsMomentsGoesOnBitForBit()
    {
        var layout = new ParameterLayout([("a.weight", [100], true)]);
        Tensor Run(int first, int second)
        {
            Tensor weights = ones(layout.Length), gradients = arange(layout.Length, dtype: ScalarType.Float32).sin();
            var before = new FlatAdam(Spec, weights, gradients, layout);
            for (var step = 0; step < first; step++)
                before.Step(0.01);
            using var after = new FlatAdam(Spec, weights, gradients, layout);
            after.FirstMoment.copy_(before.FirstMoment);
            after.SecondMoment.copy_(before.SecondMoment);
            after.StepCount = before.StepCount;
            before.Dispose();
            for (var step = 0; step < second; step++)
                after.Step(0.01);
            return weights;
        }

        Assert.Equal(Run(5, 0).data<float>(), Run(2, 3).data<float>());
    }
}
