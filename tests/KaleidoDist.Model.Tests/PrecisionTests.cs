using KaleidoDist.Contracts;
using KaleidoDist.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

/// <summary>Products of matrices in bfloat16, which libtorch computes on any CPU, if slowly.</summary>
public sealed class PrecisionTests : IDisposable
{
    // Eight bits of mantissa.
    private const double Rounding = 1.0 / 256;

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly GoldenCase golden = new();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Bfloat16ComesCloseToSinglePrecisionAndIsNotIt()
    {
        var (full, fullGradients) = Run(Precision.F32);
        var (half, halfGradients) = Run(Precision.Bf16);
        for (var task = 0; task < PretrainTasks.Count; task++)
        {
            Assert.InRange(Math.Abs(half[task] - full[task]), 0, 4 * Rounding * full[task]);
            Assert.NotEqual(full[task], half[task]);
        }

        Assert.True(halfGradients.isfinite().all().item<bool>());
        var difference = (halfGradients - fullGradients).norm().item<float>() / fullGradients.norm().item<float>();
        Assert.InRange(difference, Rounding / 16, 8 * Rounding);
    }

    [Fact]
    public void WeightsAndGradientsStaySinglePrecision()
    {
        using var parameters = golden.Parameters();
        var inputs = golden.Inputs();
        var outputs = new KaleidoBert(parameters, Precision.Bf16).Forward(inputs, training: true);
        KaleidoLosses.Compute(outputs, inputs, golden.Scale).Total.backward();
        Assert.All(new[] { parameters.Weights, parameters.Gradients, outputs.Sequence, outputs.Pooled, outputs.MlmLogits, outputs.GreyLogits! }, tensor => Assert.Equal(ScalarType.Float32, tensor.dtype));
        Assert.All(parameters.Layout.Slots, slot => Assert.True(parameters[slot.Name].grad!.isfinite().all().item<bool>(), slot.Name));
    }

    private (float[] Losses, Tensor Gradients) Run(Precision precision)
    {
        using var parameters = golden.Parameters();
        var inputs = golden.Inputs();
        var losses = KaleidoLosses.Compute(new KaleidoBert(parameters, precision).Forward(inputs, training: true), inputs, golden.Scale);
        losses.Total.backward();
        return (losses.PerTask.data<float>().ToArray(), parameters.Gradients.clone());
    }
}
