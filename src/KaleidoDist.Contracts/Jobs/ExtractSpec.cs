using System.Text.Json.Serialization;

namespace KaleidoDist.Contracts;

/// <summary>An extraction: a bank of patch vectors is made from pictures, once, by a network that is not trained.</summary>
public sealed record ExtractSpec
{
    /// <summary>The network there is.</summary>
    public const string ResNet50 = "resnet50";

    /// <summary>What <c>extract.weights</c> says for weights of the job's seed: they have learned nothing, and serve trials.</summary>
    public const string RandomWeights = "random";

    /// <summary>Folder of the bank's files, absolute.</summary>
    public required string Output { get; init; }

    /// <summary>The network.</summary>
    public string Backbone { get; init; } = ResNet50;

    /// <summary>Its weights: a safetensors file with torchvision's names, absolute; null for random ones.</summary>
    public string? Weights { get; init; }

    /// <summary>Side in pixels to which every patch is resized. Default 224, what the network was trained on.</summary>
    public int Side { get; init; } = 224;

    /// <summary>Whether the weights are those of the job's seed.</summary>
    [JsonIgnore]
    public bool IsRandom => Weights is null;
}
