using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training.Tests;

public sealed class FlatLambTests
{
    private const int Slots = 3;

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void StepsAreThoseOfThePaperInDoublePrecision(int frozen)
    {
        using var toy = new ToyParameters();
        var spec = ToyParameters.Spec("lamb");
        using var optimizer = FlatOptimizer.Create(spec, toy.Weights, toy.Gradients, toy.Layout, slot => frozen >= 0 && slot.Name == toy.Layout.Slots[frozen].Name);
        Assert.IsType<FlatLamb>(optimizer);
        var slots = ToyParameters.Slots.ToArray();
        double[] weights = toy.Values(toy.Weights), first = new double[9], second = new double[9];
        for (var step = 1; step <= 4; step++)
        {
            toy.SetGradients(step);
            optimizer.Step(ToyParameters.Rate);
            var direction = new double[9];
            for (var i = 0; i < 9; i++)
            {
                var gradient = ToyParameters.Gradient(i, step);
                first[i] = (spec.Beta1 * first[i]) + ((1 - spec.Beta1) * gradient);
                second[i] = (spec.Beta2 * second[i]) + ((1 - spec.Beta2) * gradient * gradient);
                direction[i] = first[i] / (1 - Math.Pow(spec.Beta1, step)) / (Math.Sqrt(second[i] / (1 - Math.Pow(spec.Beta2, step))) + spec.Epsilon);
                if (slots[i] < 2)
                    direction[i] += spec.WeightDecay * weights[i];
            }

            for (var slot = 0; slot < Slots; slot++)
            {
                var members = Enumerable.Range(0, 9).Where(i => slots[i] == slot).ToArray();
                double Norm(double[] of) => Math.Sqrt(members.Sum(i => of[i] * of[i]));
                var trust = slot == 2 ? 1 : Norm(weights) / Norm(direction);
                foreach (var i in members.Where(_ => slot != frozen))
                    weights[i] -= ToyParameters.Rate * trust * direction[i];
            }
        }

        Assert.All(weights.Zip(toy.Values(toy.Weights)), pair => Assert.Equal(pair.First, pair.Second, 2e-7));
        Assert.Equal(4, optimizer.StepCount);
    }

    [Fact]
    public void ATensorOfZerosMovesByItsDirectionAlone()
    {
        var layout = new ParameterLayout([("a.weight", [4], true)]);
        using Tensor weights = zeros(layout.Length), gradients = zeros(layout.Length);
        gradients.narrow(0, 0, 4).fill_(2);
        using var optimizer = new FlatLamb(ToyParameters.Spec("lamb"), weights, gradients, layout);
        optimizer.Step(0.5);
        Assert.All(weights.data<float>().Take(4), weight => Assert.Equal(-0.5, weight, 1e-5));
        Assert.All(weights.data<float>().Skip(4), padding => Assert.Equal(0, padding));
    }

    [Fact]
    public void AnUnknownNameIsAUsageError()
    {
        using var toy = new ToyParameters();
        var error = Assert.Throws<KaleidoException>(() => FlatOptimizer.Create(new OptimizerSpec { Name = "sgd" }, toy.Weights, toy.Gradients, toy.Layout));
        Assert.Contains("'sgd'", error.Message, StringComparison.Ordinal);
    }
}
