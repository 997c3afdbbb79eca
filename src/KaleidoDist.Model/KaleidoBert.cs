using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Model;

/// <summary>
/// Kaleido-BERT (Zhuge et al., CVPR 2021): text and levels of picture patches through one BERT encoder, with the
/// pre-training heads that its <see cref="PatchLayout"/> allows (all seven for kaleido patches). Plain functions over the views of <see cref="KaleidoParameters"/>, single device; knows no ranks, files or
/// networks. The three segments (<see cref="Embed"/>, <see cref="Encode"/> per layer, <see cref="Predict"/>) can be called one by
/// one, so that a trainer may run backward segment by segment; <see cref="Forward"/> chains them.
/// </summary>
/// <remarks>
/// Every intermediate tensor belongs to the caller's dispose scope: open one per step. Dropout draws from libtorch's default
/// generator, which the caller seeds. One thread at a time.
/// </remarks>
public sealed class KaleidoBert
{
    // Added to attention scores of padding keys: exp underflows to exactly 0 in float32.
    private const float MaskedScore = -10_000f;

    private readonly TextEmbedding text;
    private readonly PixelEncoder? pixels;
    private readonly PatchEmbedding patches;
    private readonly EncoderLayer[] layers;
    private readonly TaskHeads heads;

    /// <summary>Binds a model to its parameters, which stay the caller's.</summary>
    /// <param name="parameters">Float32 weights and gradients.</param>
    /// <param name="precision">What matrices are multiplied in.</param>
    public KaleidoBert(KaleidoParameters parameters, Precision precision = Precision.F32)
    {
        Parameters = parameters;
        var products = new MatrixProducts(precision);
        var words = new SharedTable(
            parameters["bert.embeddings.word_embeddings.weight"],
            parameters.GradientOf("bert.embeddings.word_embeddings.weight"),
            parameters["cls.predictions.bias"],
            parameters.GradientOf("cls.predictions.bias"),
            products);
        text = new TextEmbedding(parameters, words);
        pixels = Config.PatchEncoder == PatchEncoderKind.Pixels ? new PixelEncoder(parameters, products) : null;
        patches = new PatchEmbedding(parameters, products);
        layers = [.. Enumerable.Range(0, Config.LayerCount).Select(layer => new EncoderLayer(parameters, products, layer))];
        heads = new TaskHeads(parameters, products, words);
    }

    /// <summary>The parameters.</summary>
    public KaleidoParameters Parameters { get; }

    /// <summary>Sizes of the model.</summary>
    public ModelConfig Config => Parameters.Config;

    /// <summary>Runs all segments.</summary>
    /// <param name="inputs">B samples on the model's device.</param>
    /// <param name="training">Whether dropout is on.</param>
    public KaleidoOutputs Forward(KaleidoInputs inputs, bool training)
    {
        var (hidden, blankTargets) = Embed(inputs, training);
        var mask = AttentionMask(inputs);
        for (var layer = 0; layer < layers.Length; layer++)
            hidden = Encode(layer, hidden, mask, training);
        return Predict(hidden, inputs, blankTargets);
    }

    /// <summary>
    /// First segment: tokens [B, T + P, H], and what the blank patches should be reconstructed to [B, 3, R]. Bank vectors of blank
    /// patches are zeroed here, after their targets are taken (section 1.8); pixels come blanked.
    /// </summary>
    public (Tensor Hidden, Tensor BlankTargets) Embed(KaleidoInputs inputs, bool training)
    {
        var features = pixels is null ? inputs.Patches : pixels.Forward(inputs.Patches);
        var blankTargets = inputs.BlankTargets;
        if (pixels is null)
            (features, blankTargets) = Blank(features, inputs.BlankPositions);
        var image = patches.Forward(features, inputs.Positions, training);
        return (cat([text.Forward(inputs.InputIds, training), image], 1), blankTargets ?? throw new ArgumentException("Pixel inputs need BlankTargets.", nameof(inputs)));
    }

    /// <summary>[B, 1, 1, T + P] what <see cref="Encode"/> adds to attention scores: 0 for tokens and patches, very negative for padding.</summary>
    public Tensor AttentionMask(KaleidoInputs inputs)
    {
        var padding = inputs.InputMask.eq(Numbers.Zero).to(ScalarType.Float32).Times(MaskedScore);
        var image = zeros(inputs.Count, Config.Patches.PatchCount, device: Parameters.Device);
        return cat([padding, image], 1).unsqueeze(1).unsqueeze(1);
    }

    /// <summary>One encoder layer: [B, S, H] to [B, S, H].</summary>
    /// <param name="layer">0-based.</param>
    /// <param name="hidden">Hidden states.</param>
    /// <param name="mask">From <see cref="AttentionMask"/>.</param>
    /// <param name="training">Whether dropout is on.</param>
    public Tensor Encode(int layer, Tensor hidden, Tensor mask, bool training) => layers[layer].Forward(hidden, mask, training);

    /// <summary>Last segment: the heads over the last hidden states.</summary>
    public KaleidoOutputs Predict(Tensor sequence, KaleidoInputs inputs, Tensor blankTargets) => heads.Forward(sequence, inputs, blankTargets);

    private (Tensor Features, Tensor Targets) Blank(Tensor features, Tensor positions)
    {
        var places = positions.Plus(Config.Patches.LevelOf(PretrainTask.Blank).Offset).unsqueeze(2);
        var targets = features.gather(1, places.expand(-1, -1, features.shape[2]));
        var keep = ones(features.shape[0], features.shape[1], 1, device: features.device).scatter(1, places, zeros_like(places, dtype: ScalarType.Float32));
        return (features * keep, targets);
    }
}
