namespace KaleidoDist.Contracts;

/// <summary>Checkpoints kept because nothing measured better.</summary>
/// <param name="Metric">What is compared: one of <see cref="Metrics"/>, the names that manifests have.</param>
/// <param name="Count">How many of the best are kept; at least 1.</param>
public sealed record KeepBestSpec(string Metric, int Count)
{
    private const string Prefix = "validation.";
    private const string Accuracy = ".accuracy";

    /// <summary>All metrics that an evaluation gives: <c>validation.mlm.loss</c> and so on.</summary>
    public static IReadOnlyList<string> Metrics { get; } =
    [
        .. PretrainTasks.Names.Select(task => $"{Prefix}{task}.loss"),
        .. Enum.GetValues<PretrainTask>().Where(PretrainTasks.IsClassification).Select(task => $"{Prefix}{PretrainTasks.Names[(int)task]}{Accuracy}"),
        $"{Prefix}{PretrainTasks.Names[(int)PretrainTask.Mlm]}.perplexity",
    ];

    /// <summary>Whether a higher value is better: of an accuracy; of losses and perplexities the lower one is.</summary>
    public bool HigherIsBetter => Metric.EndsWith(Accuracy, StringComparison.Ordinal);
}
