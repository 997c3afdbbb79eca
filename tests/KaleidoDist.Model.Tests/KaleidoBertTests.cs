using System.Diagnostics;
using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model.Tests;

public sealed class KaleidoBertTests
{
    [Theory]
    [InlineData(PatchEncoderKind.Pixels)]
    [InlineData(PatchEncoderKind.Bank)]
    public void EqualInputsAndSeedGiveEqualBitsWithDropoutOn(PatchEncoderKind kind)
    {
        var first = Gradients(kind, dropoutSeed: 11);
        Assert.Equal(first, Gradients(kind, dropoutSeed: 11));
        Assert.NotEqual(first, Gradients(kind, dropoutSeed: 12));
    }

    [Fact]
    public void EqualInputsGiveEqualBitsInAnotherProcess()
        => Assert.Equal(BitsProbe.Hash(), BitsProbe.HashInFreshProcess());

    [Theory]
    [InlineData(PatchEncoderKind.Pixels)]
    [InlineData(PatchEncoderKind.Bank)]
    public void CompactInputsGiveTheSameLossesAndGradients(PatchEncoderKind kind)
    {
        using var scope = NewDisposeScope();
        var config = TestInputs.Micro(kind) with { HiddenDropout = 0, AttentionDropout = 0, TextLength = 32 };
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var model = new KaleidoBert(parameters);
        var inputs = TestInputs.Random(config, samples: 3, seed: 5);
        var compact = inputs.Compact();
        Assert.Equal((16, 9), (compact.TextLength, compact.MaskedSlots!.shape[0]));

        var full = Run(inputs);
        var trimmed = Run(compact);
        Assert.True((full - trimmed).abs().max().item<float>() < 1e-5 * full.abs().max().item<float>());

        Tensor Run(KaleidoInputs which)
        {
            parameters.ZeroGradients();
            KaleidoLosses.Compute(model.Forward(which, training: true), which, TestInputs.Scale(3)).Total.backward();
            return parameters.Gradients.clone();
        }
    }

    [Fact]
    public void AMicroBatchWithNothingMaskedHasNoTokenLoss()
    {
        using var scope = NewDisposeScope();
        var config = TestInputs.Micro(PatchEncoderKind.Pixels);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var inputs = TestInputs.Random(config, samples: 2, seed: 5);
        inputs = (inputs with { MaskedWeights = zeros_like(inputs.MaskedWeights) }).Compact();
        var losses = KaleidoLosses.Compute(new KaleidoBert(parameters).Forward(inputs, training: true), inputs, new LossScale(0, 2));
        losses.Total.backward();
        Assert.Equal(0f, losses.PerTask[(int)PretrainTask.Mlm].item<float>());
        Assert.True(float.IsFinite(parameters.Gradients.abs().max().item<float>()));
    }

    [Fact]
    public void SegmentsOneByOneAreTheForwardPass()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var config = TestInputs.Micro(PatchEncoderKind.Bank);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var model = new KaleidoBert(parameters);
        var inputs = TestInputs.Random(config, samples: 2, seed: 5);
        var (hidden, targets) = model.Embed(inputs, training: false);
        var mask = model.AttentionMask(inputs);
        for (var layer = 0; layer < config.LayerCount; layer++)
            hidden = model.Encode(layer, hidden, mask, training: false);
        var expected = model.Forward(inputs, training: false);
        Assert.Equal(expected.MlmLogits.data<float>(), model.Predict(hidden, inputs, targets).MlmLogits.data<float>());
    }

    [Fact]
    public void BankVectorsOfBlankPatchesReachTheTargetsAndNotTheEncoder()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var config = TestInputs.Micro(PatchEncoderKind.Bank);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var model = new KaleidoBert(parameters);
        var inputs = TestInputs.Random(config, samples: 2, seed: 5);
        var (hidden, targets) = model.Embed(inputs, training: false);
        var place = PatchLevels.Offset(5) + inputs.BlankPositions[0, 1].item<long>();
        Assert.Equal(inputs.Patches[0, place].data<float>(), targets[0, 1].data<float>());
        inputs.Patches[0, place].fill_(9);
        var (changed, changedTargets) = model.Embed(inputs, training: false);
        Assert.Equal(hidden.data<float>(), changed.data<float>());
        Assert.All(changedTargets[0, 1].data<float>(), value => Assert.Equal(9f, value));
    }

    [Fact]
    public void PaddingTokensDoNotMatter()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var config = TestInputs.Micro(PatchEncoderKind.Pixels);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var model = new KaleidoBert(parameters);
        var inputs = TestInputs.Random(config, samples: 1, seed: 5);
        var before = model.Forward(inputs, training: false);
        inputs.InputIds[0, 15] = 42;
        var after = model.Forward(inputs, training: false);
        Assert.Equal(before.Pooled.data<float>(), after.Pooled.data<float>());
        Assert.Equal(before.BlankLogits.data<float>(), after.BlankLogits.data<float>());
    }

    [Fact]
    public void CorrectCountsAreRightAnswersOfMaskedSlotsAndSamples()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var config = TestInputs.Micro(PatchEncoderKind.Pixels);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var inputs = TestInputs.Random(config, samples: 4, seed: 5);
        var outputs = new KaleidoBert(parameters).Forward(inputs, training: false);
        inputs = inputs with { JigsawLabels = outputs.JigsawLogits!.argmax(1), MaskedIds = outputs.MlmLogits.argmax(1).view(4, -1) };
        var (losses, correct) = (new double[7], new long[5]);
        KaleidoLosses.Compute(outputs, inputs, TestInputs.Scale(4)).AddTo(losses, correct);
        Assert.Equal((12, 4), (correct[(int)PretrainTask.Mlm], correct[(int)PretrainTask.Jigsaw]));
        Assert.All(losses, loss => Assert.True(loss > 0));
    }

    [Fact]
    public void ThreeHundredStepsHoldLiveTensorsAndMemoryFlat()
    {
        var config = TestInputs.Micro(PatchEncoderKind.Pixels);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var model = new KaleidoBert(parameters);
        var (losses, correct) = (new double[7], new long[5]);
        void Step(ulong seed)
        {
            using var scope = NewDisposeScope();
            var inputs = TestInputs.Random(config, samples: 2, seed).Compact();
            parameters.ZeroGradients();
            var loss = KaleidoLosses.Compute(model.Forward(inputs, training: true), inputs, TestInputs.Scale(2));
            loss.Total.backward();
            loss.AddTo(losses, correct);
        }

        for (ulong step = 0; step < 20; step++)
            Step(step);
        var (tensors, memory) = Measure();
        for (ulong step = 20; step < 320; step++)
            Step(step);
        var (tensorsAfter, memoryAfter) = Measure();
        Assert.Equal(tensors, tensorsAfter);
        Assert.True(memoryAfter - memory < 20 << 20, $"{(memoryAfter - memory) >> 20} MiB more");

        static (long Tensors, long MemoryBytes) Measure()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using var process = Process.GetCurrentProcess();
            return (Tensor.TotalCount, process.WorkingSet64);
        }
    }

    private static float[] Gradients(PatchEncoderKind kind, long dropoutSeed)
    {
        using var scope = NewDisposeScope();
        var config = TestInputs.Micro(kind);
        using var parameters = new KaleidoParameters(config);
        parameters.Initialize(3);
        var inputs = TestInputs.Random(config, samples: 3, seed: 5).Compact();
        manual_seed(dropoutSeed);
        KaleidoLosses.Compute(new KaleidoBert(parameters).Forward(inputs, training: true), inputs, TestInputs.Scale(3)).Total.backward();
        return parameters.Gradients.data<float>().ToArray();
    }
}
