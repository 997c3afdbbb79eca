using KaleidoDist.Contracts;

namespace KaleidoDist.Model;

/// <summary>
/// The segments of the model, in the order of the forward pass: 0 the embeddings, 1..L the encoder layers, L + 1 the heads; and where their
/// gradients lie. The layout has this order too, once among the decayed parameters and once among the others; so when backward has finished a
/// segment, everything from its first slot to the end of each of the two parts is final. The word embeddings, which the heads read as well,
/// belong to segment 0.
/// </summary>
public sealed class KaleidoSegments
{
    private const string LayerPrefix = "bert.encoder.layer.";

    private static readonly string[] EmbeddingPrefixes = ["bert.embeddings.", "patch_encoder.", "bert.patch_embeddings."];

    private readonly (long Decayed, long Other)[] starts;

    /// <summary>The segments of a model over a layout.</summary>
    public KaleidoSegments(ModelConfig config, ParameterLayout layout)
    {
        Count = config.LayerCount + 2;
        starts = new (long, long)[Count];
        Array.Fill(starts, (layout.DecayedLength, layout.Length));
        // Backwards, so that a segment without a slot in one part begins where the next one does.
        foreach (var slot in layout.Slots.Reverse())
        {
            var isDecayed = slot.Offset < layout.DecayedLength;
            for (var segment = Of(slot.Name); segment >= 0; segment--)
                starts[segment] = isDecayed ? starts[segment] with { Decayed = slot.Offset } : starts[segment] with { Other = slot.Offset };
        }
    }

    /// <summary>Number of segments, L + 2.</summary>
    public int Count { get; }

    /// <summary>The segment of the heads: the first that backward finishes.</summary>
    public int Heads => Count - 1;

    /// <summary>From where on, in the decayed part of the flat gradient and in the other, gradients are final once backward has finished <paramref name="segment"/>.</summary>
    public (long Decayed, long Other) FinalFrom(int segment) => starts[segment];

    /// <summary>The segment that a parameter belongs to.</summary>
    public int Of(string parameter)
    {
        if (EmbeddingPrefixes.Any(prefix => parameter.StartsWith(prefix, StringComparison.Ordinal)))
            return 0;
        if (!parameter.StartsWith(LayerPrefix, StringComparison.Ordinal))
            return Heads;
        var number = parameter.AsSpan(LayerPrefix.Length);
        return 1 + int.Parse(number[..number.IndexOf('.')], System.Globalization.CultureInfo.InvariantCulture);
    }
}
