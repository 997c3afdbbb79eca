namespace KaleidoDist.Checkpoints;

/// <summary>Names of BERT's weights as other programs write them, and the names they have here (KALEIDO-BERT 9.1). Pure.</summary>
internal static class ForeignNames
{
    /// <summary>The two rows of the match classifier: Hugging Face's next-sentence head counts the match first, this program last.</summary>
    internal const string MatchClassifier = "cls.seq_relationship.";

    private const string Bert = "bert.";
    private const string OwnPart = "bert.patch_embeddings.";
    private static readonly string[] Headless = ["embeddings.", "encoder.", "pooler."];
    private static readonly (string Old, string New)[] Renamed = [(".gamma", ".weight"), (".beta", ".bias")];

    /// <summary>Whether weights are of this program: BERT has no patches.</summary>
    internal static bool AreOwn(IEnumerable<string> names) => names.Any(name => name.StartsWith(OwnPart, StringComparison.Ordinal));

    /// <summary>The name here: a model without heads has no <c>bert.</c> in front, and files made from TensorFlow call a LayerNorm's weight gamma and its bias beta.</summary>
    internal static string Own(string name)
    {
        if (Headless.Any(part => name.StartsWith(part, StringComparison.Ordinal)))
            name = Bert + name;
        foreach (var (old, now) in Renamed)
        {
            if (name.EndsWith($"LayerNorm{old}", StringComparison.Ordinal))
                name = name[..^old.Length] + now;
        }

        return name;
    }
}
