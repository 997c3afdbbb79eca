using KaleidoDist.Contracts;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>The table at the end of a run: per task first and last losses, what the validation set says, and a verdict.</summary>
/// <param name="Tasks">In the model's order; none when the run has no steps.</param>
/// <param name="StepCount">Steps the table rests on.</param>
internal sealed record TrainingSummary(IReadOnlyList<TaskSummary> Tasks, int StepCount)
{
    /// <summary>Sums a run up.</summary>
    internal static TrainingSummary Of(RunHistory history, int vocabularySize)
        => new([.. Enum.GetValues<PretrainTask>().Select(t => TaskSummary.Of(t, history, vocabularySize)).OfType<TaskSummary>()], history.Steps.Count);

    /// <summary>Writes the table.</summary>
    internal void Write(IAnsiConsole console)
    {
        if (Tasks.Count == 0)
        {
            console.Write(new Text("No steps to sum up.\n"));
            return;
        }

        var table = PlainTable.Create("task", "training loss", "validation loss", "validation accuracy", "chance", "verdict");
        foreach (var task in Tasks)
        {
            table.AddRow(
                new Text(PretrainTasks.Names[(int)task.Task]),
                new Text(FromTo(task.FirstLoss, task.LastLoss, Units.Number)),
                new Text(FromTo(task.FirstValidation?.Loss, task.LastValidation?.Loss, Units.Number)),
                new Text(FromTo(task.FirstValidation?.Accuracy, task.LastValidation?.Accuracy, Units.Percent)),
                new Text(Units.Percent(task.Chance)),
                new Text(task.Verdict));
        }

        console.Write(table);
        if (Tasks[0] is { FirstValidation.Perplexity: { } first, LastValidation.Perplexity: { } last })
            console.Write(new Text($"Validation perplexity of masked words: {FromTo(first, last, Units.Number)}\n"));
        console.Write(new Text($"Training losses are means over the first and the last {Units.Percent(TaskSummary.WindowShare)} of {Units.Count(StepCount)} steps.\n", Color.Grey));
    }

    private static string FromTo(double? first, double? last, Func<double, string> show)
        => (first, last) is ({ } from, { } to) ? $"{show(from)} -> {show(to)}" : Units.Unknown;
}
