namespace KaleidoDist.Contracts;

/// <summary>Checkpoints kept because nothing measured better.</summary>
/// <param name="Metric">What is compared: one of <see cref="Metrics"/>, the names that manifests have.</param>
/// <param name="Count">How many of the best are kept; at least 1.</param>
public sealed record KeepBestSpec(string Metric, int Count)
{
    /// <summary>All metrics that an evaluation gives: <c>validation.mlm.loss</c> and so on.</summary>
    public static IReadOnlyList<string> Metrics => ValidationMetric.Names;

    /// <summary>Whether a higher value is better: of an accuracy; of losses and perplexities the lower one is.</summary>
    public bool HigherIsBetter => ValidationMetric.HigherIsBetter(Metric);
}
