namespace KaleidoDist.Contracts;

/// <summary>Names of what an evaluation measures, as manifests and specifications have them: <c>validation.mlm.loss</c>.</summary>
public static class ValidationMetric
{
    private const string Prefix = "validation.";
    private const string Accuracy = ".accuracy";

    /// <summary>All of them that can be compared.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. PretrainTasks.Names.Select(task => $"{Prefix}{task}.loss"),
        .. Enum.GetValues<PretrainTask>().Where(PretrainTasks.IsClassification).Select(task => $"{Prefix}{PretrainTasks.Names[(int)task]}{Accuracy}"),
        $"{Prefix}{PretrainTasks.Names[(int)PretrainTask.Mlm]}.perplexity",
    ];

    /// <summary>The name of a task's metric.</summary>
    public static string Name(string task, string metric) => $"{Prefix}{task}.{metric}";

    /// <summary>The task that a metric is about.</summary>
    public static PretrainTask TaskOf(string name) => (PretrainTask)PretrainTasks.Names.ToList().IndexOf(name.Split('.')[1]);

    /// <summary>Whether a higher value is better: of an accuracy; of losses and perplexities the lower one is.</summary>
    public static bool HigherIsBetter(string name) => name.EndsWith(Accuracy, StringComparison.Ordinal);
}
