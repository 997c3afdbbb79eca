using KaleidoDist.Contracts;
using KaleidoDist.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.TestKit;

/// <summary>The golden model and micro-batch of KALEIDO-BERT section 9.2, made by an independent implementation.</summary>
internal sealed class GoldenCase
{
    public GoldenTensors File { get; } = new(Path.Combine(AppContext.BaseDirectory, "Golden", "kaleido-tiny.safetensors"));

    public ModelConfig Config { get; } = new()
    {
        VocabularySize = 120, HiddenSize = 32, LayerCount = 2, HeadCount = 4, IntermediateSize = 64, MaxPositions = 32,
        TextLength = 16, MaxMaskedTokens = 4, PatchFeatureSize = 48, HiddenDropout = 0, AttentionDropout = 0,
    };

    public LossScale Scale => new(File.Floats("batch.masked_lm_weights").Sum(), 3);

    public KaleidoParameters Parameters()
    {
        var parameters = new KaleidoParameters(Config);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var slot in parameters.Layout.Slots)
            parameters[slot.Name].copy_(Floats($"weights.{slot.Name}"));
        return parameters;
    }

    public KaleidoInputs Inputs() => new()
    {
        InputIds = Longs("batch.input_ids"),
        InputMask = Longs("batch.input_mask"),
        Patches = cat([.. Enumerable.Range(1, 5).Select(level => Floats($"batch.features.{level}"))], 1),
        Positions = cat([.. Enumerable.Range(1, 5).Select(level => Floats($"batch.positions.{level}"))], 1),
        MaskedPositions = Longs("batch.masked_lm_positions"),
        MaskedIds = Longs("batch.masked_lm_ids"),
        MaskedWeights = Floats("batch.masked_lm_weights"),
        MatchLabels = Longs("batch.itm_label"),
        RotationLabels = Longs("batch.rotation_label"),
        JigsawLabels = Longs("batch.jigsaw_label"),
        CamouflageLabels = Longs("batch.camouflage_label"),
        GreyPositions = Longs("batch.grey_positions"),
        BlankPositions = Longs("batch.blank_positions"),
        GreyTargets = Floats("batch.grey_target"),
    };

    public Tensor Floats(string name) => tensor(File.Floats(name), File.Shape(name));

    public Tensor Longs(string name) => tensor(File.Longs(name), File.Shape(name));

    /// <summary>Largest difference from a golden tensor over the largest magnitude in it, or in another that sets the scale.</summary>
    public double RelativeError(string name, Tensor actual, string? scale = null)
    {
        using var scope = NewDisposeScope();
        var magnitude = Floats(scale ?? name).abs().max().item<float>();
        return (actual.detach().flatten() - Floats(name).flatten()).abs().max().item<float>() / magnitude;
    }
}
