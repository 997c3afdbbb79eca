using KaleidoDist.Contracts;
using KaleidoDist.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

public sealed class GoldenTests : IDisposable
{
    private const double Tolerance = 1e-5;
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly GoldenCase golden = new();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void ForwardReproducesEveryGoldenOutput()
    {
        using var parameters = golden.Parameters();
        var outputs = new KaleidoBert(parameters).Forward(golden.Inputs(), training: true);
        foreach (var (name, actual) in Outputs(outputs))
            Assert.True(golden.RelativeError(name, actual) < Tolerance, $"{name}: {golden.RelativeError(name, actual):e2}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LossesAndEveryGradientReproduceTheGoldenOnes(bool compact)
    {
        using var parameters = golden.Parameters();
        var inputs = compact ? golden.Inputs().Compact() : golden.Inputs();
        var losses = KaleidoLosses.Compute(new KaleidoBert(parameters).Forward(inputs, training: true), inputs, golden.Scale);
        losses.Total.backward();

        Assert.True(golden.RelativeError("expect.loss.total", losses.Total) < Tolerance);
        foreach (var (task, name) in PretrainTasks.Names.Index())
            Assert.True(golden.RelativeError($"expect.loss.{name}", losses.PerTask[task]) < Tolerance, name);
        var checkedCount = 0;
        foreach (var slot in parameters.Layout.Slots)
        {
            // Softmax does not see a shift of all keys: these gradients are 0 but for rounding, so they are held to their neighbours' size.
            var scale = slot.Name.Replace("self.key.bias", "self.query.bias", StringComparison.Ordinal);
            var error = golden.RelativeError($"grad.{slot.Name}", parameters.GradientOf(slot.Name), $"grad.{scale}");
            Assert.True(error < Tolerance, $"grad.{slot.Name}: {error:e2}");
            checkedCount++;
        }

        Assert.Equal(golden.File.Names("grad.").Count(), checkedCount);
    }

    [Fact]
    public void MicroBatchesOfALeafAddUpToTheLeaf()
    {
        using var whole = golden.Parameters();
        using var parts = golden.Parameters();
        var inputs = golden.Inputs();
        KaleidoLosses.Compute(new KaleidoBert(whole).Forward(inputs, true), inputs, golden.Scale).Total.backward();
        var model = new KaleidoBert(parts);
        foreach (var (start, count) in new[] { (0, 2), (2, 1) })
        {
            var part = Slice(inputs, start, count);
            KaleidoLosses.Compute(model.Forward(part, true), part, golden.Scale).Total.backward();
        }

        var error = (whole.Gradients - parts.Gradients).abs().max().item<float>() / whole.Gradients.abs().max().item<float>();
        Assert.True(error < 1e-6, $"{error:e2}");
    }

    [Fact]
    public void PaddingOfTheGradientBufferStaysZero()
    {
        using var parameters = golden.Parameters();
        var inputs = golden.Inputs();
        KaleidoLosses.Compute(new KaleidoBert(parameters).Forward(inputs, true), inputs, golden.Scale).Total.backward();
        foreach (var slot in parameters.Layout.Slots)
            parameters.Gradients.narrow(0, slot.Offset, slot.Count).zero_();
        Assert.Equal(0, parameters.Gradients.count_nonzero().item<long>());
    }

    private static (string Name, Tensor Actual)[] Outputs(KaleidoOutputs outputs) =>
    [
        ("expect.sequence_output", outputs.Sequence), ("expect.pooled_output", outputs.Pooled), ("expect.mlm_logits", outputs.MlmLogits),
        ("expect.itm_logits", outputs.MatchLogits), ("expect.rotation_logits", outputs.RotationLogits!), ("expect.jigsaw_logits", outputs.JigsawLogits!),
        ("expect.camouflage_logits", outputs.CamouflageLogits!), ("expect.grey_logits", outputs.GreyLogits!), ("expect.blank_logits", outputs.BlankLogits),
    ];

    private static KaleidoInputs Slice(KaleidoInputs inputs, int start, int count) => new()
    {
        InputIds = inputs.InputIds.narrow(0, start, count),
        InputMask = inputs.InputMask.narrow(0, start, count),
        Patches = inputs.Patches.narrow(0, start, count),
        Positions = inputs.Positions.narrow(0, start, count),
        MaskedPositions = inputs.MaskedPositions.narrow(0, start, count),
        MaskedIds = inputs.MaskedIds.narrow(0, start, count),
        MaskedWeights = inputs.MaskedWeights.narrow(0, start, count),
        MatchLabels = inputs.MatchLabels.narrow(0, start, count),
        RotationLabels = inputs.RotationLabels.narrow(0, start, count),
        JigsawLabels = inputs.JigsawLabels.narrow(0, start, count),
        CamouflageLabels = inputs.CamouflageLabels.narrow(0, start, count),
        GreyPositions = inputs.GreyPositions.narrow(0, start, count),
        BlankPositions = inputs.BlankPositions.narrow(0, start, count),
        GreyTargets = inputs.GreyTargets.narrow(0, start, count),
    };
}
