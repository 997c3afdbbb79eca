using System.Text.Json.Serialization;

namespace KaleidoDist.Contracts;

/// <summary>Where the vectors of the 55 patches come from.</summary>
public enum PatchEncoderKind
{
    /// <summary>A small encoder trained end to end on each patch's pixels.</summary>
    Pixels,

    /// <summary>Vectors extracted once and stored in the data set.</summary>
    Bank,
}

/// <summary>Sizes of a Kaleido-BERT (Zhuge et al., CVPR 2021, section 4.1 for the base sizes).</summary>
public sealed record ModelConfig
{
    /// <summary>What <see cref="HiddenSize"/> is a multiple of: slots are 64-byte aligned, and neighbours must leave no gap between them.</summary>
    public const int WidthMultiple = 16;

    /// <summary>WordPiece entries.</summary>
    public int VocabularySize { get; init; } = 30_522;

    /// <summary>Width of a token's hidden state, H.</summary>
    public int HiddenSize { get; init; } = 768;

    /// <summary>Encoder layers.</summary>
    public int LayerCount { get; init; } = 12;

    /// <summary>Attention heads; divides <see cref="HiddenSize"/>.</summary>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the feed-forward layer.</summary>
    public int IntermediateSize { get; init; } = 3072;

    /// <summary>Rows of the text position table.</summary>
    public int MaxPositions { get; init; } = 512;

    /// <summary>Rows of the token type table.</summary>
    public int TokenTypeCount { get; init; } = 2;

    /// <summary>Text tokens of a sequence, [CLS] and [SEP] included.</summary>
    public int TextLength { get; init; } = 64;

    /// <summary>Slots for masked tokens of a sample.</summary>
    public int MaxMaskedTokens { get; init; } = 10;

    /// <summary>Width of a patch vector, F.</summary>
    public int PatchFeatureSize { get; init; } = 2048;

    /// <summary>Where patch vectors come from.</summary>
    public PatchEncoderKind PatchEncoder { get; init; } = PatchEncoderKind.Bank;

    /// <summary>How a picture is cut into patches.</summary>
    public PatchLayoutKind PatchLayout { get; init; } = PatchLayoutKind.Kaleido;

    /// <summary>The patches of <see cref="PatchLayout"/>.</summary>
    [JsonIgnore]
    public PatchLayout Patches => Contracts.PatchLayout.Of(PatchLayout);

    /// <summary>Side in pixels to which every patch is resized for <see cref="PatchEncoderKind.Pixels"/>.</summary>
    public int CellSide { get; init; } = 16;

    /// <summary>Dropout after embeddings and sub-layers, 0..1.</summary>
    public double HiddenDropout { get; init; } = 0.1;

    /// <summary>Dropout on attention probabilities, 0..1.</summary>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>Standard deviation of the truncated normal that weights start from, cut at two of it.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Numbers a reconstruction task predicts per patch: the patch vector itself, or 16x16x3 averaged pixels.</summary>
    public int ReconstructionSize => PatchEncoder == PatchEncoderKind.Bank ? PatchFeatureSize : PatchNumbers.ReconstructionSide * PatchNumbers.ReconstructionSide * 3;

    /// <summary>Numbers of one patch's pixels, channels first: 3 x S x S.</summary>
    public int CellPixelCount => 3 * CellSide * CellSide;

    /// <summary>Names of the presets.</summary>
    public static IReadOnlyList<string> PresetNames { get; } = ["kaleido-tiny", "kaleido-small", "kaleido-base", "fashionbert"];

    /// <summary>The sizes of a preset, or null for an unknown name.</summary>
    public static ModelConfig? Preset(string name) => name switch
    {
        // Trains visibly within minutes on two cores.
        "kaleido-tiny" => new ModelConfig
        {
            HiddenSize = 128, LayerCount = 4, HeadCount = 4, IntermediateSize = 512,
            PatchFeatureSize = 256, PatchEncoder = PatchEncoderKind.Pixels, CellSide = 16,
        },
        "kaleido-small" => new ModelConfig
        {
            HiddenSize = 384, LayerCount = 6, HeadCount = 6, IntermediateSize = 1536,
            PatchFeatureSize = 768, PatchEncoder = PatchEncoderKind.Pixels, CellSide = 16,
        },
        // The paper's sizes: 121,271,649 parameters, and 24 x 768 fewer than the original, which keeps unused rows of patch types.
        "kaleido-base" => new ModelConfig(),
        // FashionBERT's, of the same sizes: one level of patches and its tasks.
        "fashionbert" => new ModelConfig { PatchLayout = PatchLayoutKind.Grid8, PatchEncoder = PatchEncoderKind.Pixels, PatchFeatureSize = 768 },
        _ => null,
    };
}

/// <summary>Facts about patches in every <see cref="PatchLayout"/>.</summary>
public static class PatchNumbers
{
    /// <summary>Numbers of a patch's position: x1, x2, y1, y2, area (paper, section 3.5), each in [0, 1].</summary>
    public const int PositionSize = 5;

    /// <summary>Side of the averaged patch that is the reconstruction target of the pixel encoder.</summary>
    public const int ReconstructionSide = 16;
}
