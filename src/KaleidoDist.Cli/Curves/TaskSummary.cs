using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>What a run shows about one task, and a verdict that claims no more than the numbers carry.</summary>
/// <param name="Task">The task.</param>
/// <param name="FirstLoss">Mean training loss over the first steps (<see cref="WindowShare"/> of them).</param>
/// <param name="LastLoss">Mean training loss over the last steps.</param>
/// <param name="FirstValidation">On the validation set, the first time; null when there was none.</param>
/// <param name="LastValidation">The last time; null when there was none.</param>
/// <param name="Chance">Accuracy of guessing; NaN for a reconstruction.</param>
/// <param name="Verdict">One clause.</param>
internal sealed record TaskSummary(
    PretrainTask Task, double FirstLoss, double LastLoss, TaskRecord? FirstValidation, TaskRecord? LastValidation, double Chance, string Verdict)
{
    /// <summary>Share of a run's steps that make its first, and its last, mean.</summary>
    internal const double WindowShare = 0.05;

    /// <summary>Standard errors that a difference must exceed before it is called one: by chance fewer than 3 in 1,000 do.</summary>
    internal const double NoiseLimit = 3;

    /// <summary>Answers an accuracy is taken to rest on when they were not counted: few, so that noise is rather over- than underestimated.</summary>
    private const long AssumedAnswers = 100;

    /// <summary>Sums up one task; null when the run has no step with it.</summary>
    internal static TaskSummary? Of(PretrainTask task, RunHistory history, int vocabularySize)
    {
        var name = PretrainTasks.Names[(int)task];
        var losses = CurveSeries.Of(history.Steps, s => s.Step, s => s.Tasks.GetValueOrDefault(name)?.Loss).Values;
        if (losses.Length == 0)
            return null;
        var window = Math.Max(1, (int)(losses.Length * WindowShare));
        double[] first = losses[..window], last = losses[^window..];
        var validations = history.Validations.Select(v => v.Validation.GetValueOrDefault(name)).OfType<TaskRecord>().ToList();
        var chance = PretrainTasks.Chance(task, vocabularySize);
        var newest = validations.LastOrDefault();
        var accuracy = Measured(newest, history, name, window);
        var verdict = task == PretrainTask.Mlm ? Language(validations, first.Average(), last.Average())
            : PretrainTasks.IsClassification(task) ? Classification(accuracy.Share, accuracy.Count, chance)
            : Reconstruction(first, last);
        return new TaskSummary(task, first.Average(), last.Average(), validations.FirstOrDefault(), newest, chance, verdict);
    }

    /// <summary>The verdict on a classification: above chance only when noise does not explain it.</summary>
    /// <param name="accuracy">Share of right answers; null when unknown.</param>
    /// <param name="count">Answers it rests on.</param>
    /// <param name="chance">Accuracy of guessing.</param>
    internal static string Classification(double? accuracy, long count, double chance)
    {
        if (accuracy is not { } share)
            return "not measured";

        // Standard deviation of a binomial share if every answer were a guess.
        var noise = NoiseLimit * Math.Sqrt(chance * (1 - chance) / Math.Max(1, count));
        var difference = share - chance;
        return Math.Abs(difference) <= noise ? $"at chance (noise ±{Units.Percent(noise)})"
            : difference < 0 ? "below chance"
            : $"{Units.OneDecimal(share / chance)} times chance";
    }

    /// <summary>The verdict on masked words: how many times fewer words the model hesitates between.</summary>
    internal static string Language(IReadOnlyList<TaskRecord> validations, double firstLoss, double lastLoss)
    {
        var onValidation = validations.Count > 1;
        var factor = onValidation ? Math.Exp(validations[0].Loss - validations[^1].Loss) : Math.Exp(firstLoss - lastLoss);
        var where = onValidation ? "validation perplexity" : "training perplexity";
        return !double.IsFinite(factor) ? "diverged"
            : factor > 1 ? $"{where} {Units.Number(factor)} times lower"
            : $"{where} no lower than at the start";
    }

    /// <summary>The verdict on a reconstruction: a fall of the training loss beyond the noise of its steps.</summary>
    internal static string Reconstruction(double[] first, double[] last)
    {
        double before = first.Average(), after = last.Average();
        var noise = NoiseLimit * Math.Sqrt(SquaredError(first) + SquaredError(last));
        return before - after > noise ? $"loss {Units.Percent((before - after) / before)} lower" : "no lower than at the start";
    }

    private static (double? Share, long Count) Measured(TaskRecord? validation, RunHistory history, string name, int window)
    {
        if (validation?.Accuracy is { } share)
            return (share, validation.Count ?? AssumedAnswers);
        var steps = history.Steps.Skip(Math.Max(0, history.Steps.Count - window)).ToList();
        var accuracies = steps.Select(s => s.Tasks.GetValueOrDefault(name)?.Accuracy).OfType<double>().ToList();
        return accuracies.Count == 0 ? (null, 0) : (accuracies.Average(), Math.Max(AssumedAnswers, steps[^1].Samples - steps[0].Samples));
    }

    /// <summary>Squared standard error of a mean; the square of the value itself for a single one, so that it proves nothing.</summary>
    private static double SquaredError(double[] values)
    {
        if (values.Length < 2)
            return values[0] * values[0];
        var mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1) / values.Length;
    }
}
