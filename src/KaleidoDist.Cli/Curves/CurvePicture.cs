using KaleidoDist.Contracts;
using ScottPlot;

namespace KaleidoDist.Cli;

/// <summary>
/// Draws a run's curves as one picture of small multiples: total loss, learning rate, gradient norm and speed; the seven losses; the
/// accuracies with what guessing would give. Faint: each step; solid: the mean of 5 % of them; dots: the validation set.
/// </summary>
internal static class CurvePicture
{
    /// <summary>Name of the picture in a run folder.</summary>
    internal const string FileName = "curves.png";

    private const int ColumnCount = 4;
    private const int PanelWidth = 480, PanelHeight = 320;
    private const int MostPoints = 1000;

    /// <summary>Share of a curve that one smoothed point averages.</summary>
    private const double SmoothedShare = 0.05;

    private static readonly Color LossColor = Color.FromHex("#1f77b4");
    private static readonly Color AccuracyColor = Color.FromHex("#2ca02c");
    private static readonly Color OtherColor = Color.FromHex("#7f7f7f");
    private static readonly Color ValidationColor = Color.FromHex("#d62728");

    /// <summary>Draws the picture as a PNG file, whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    internal static void Save(RunHistory history, int vocabularySize, string path)
    {
        var partial = $"{path}.partial";
        File.WriteAllBytes(partial, Draw(history, vocabularySize));
        File.Move(partial, path, overwrite: true);
    }

    /// <summary>Draws the picture; the bytes of a PNG.</summary>
    internal static byte[] Draw(RunHistory history, int vocabularySize)
    {
        CurveFont.Use();
        return PanelPicture.Draw([.. Panels(history, vocabularySize)], ColumnCount, PanelWidth, PanelHeight);
    }

    private static IEnumerable<Plot> Panels(RunHistory history, int vocabularySize)
    {
        yield return Panel("total loss", history, s => s.TotalLoss, v => v.Validation.Values.Sum(t => t.Loss), LossColor);
        yield return Panel("learning rate", history, s => s.LearningRate, null, OtherColor, isExact: true);
        yield return Panel("gradient norm", history, s => s.GradientNorm, null, OtherColor);
        yield return Panel("seconds per step", history, s => s.StepSeconds, null, OtherColor);
        foreach (var task in PretrainTasks.Names.Where(IsTrained))
            yield return Panel($"{task}: loss", history, s => s.Tasks.GetValueOrDefault(task)?.Loss, v => v.Validation.GetValueOrDefault(task)?.Loss, LossColor);
        foreach (var task in Enum.GetValues<PretrainTask>().Where(task => PretrainTasks.IsClassification(task) && IsTrained(PretrainTasks.Names[(int)task])))
        {
            var name = PretrainTasks.Names[(int)task];
            var panel = Panel($"{name}: accuracy", history, s => s.Tasks.GetValueOrDefault(name)?.Accuracy, v => v.Validation.GetValueOrDefault(name)?.Accuracy, AccuracyColor);
            var chance = panel.Add.HorizontalLine(PretrainTasks.Chance(task, vocabularySize), 1.5f, OtherColor, LinePattern.Dashed);
            chance.LegendText = $"chance {Units.Percent(PretrainTasks.Chance(task, vocabularySize))}";
            panel.ShowLegend(Alignment.UpperLeft);
            yield return panel;
        }

        bool IsTrained(string task) => history.Steps.Count == 0 || history.Steps.Any(step => step.Tasks.ContainsKey(task));
    }

    private static Plot Panel(string title, RunHistory history, Func<StepRecord, double?> step, Func<ValidationRecord, double?>? validation, Color color, bool isExact = false)
    {
        var plot = new Plot();
        plot.Title(title, 16);
        plot.XLabel("step", 12);
        var curve = CurveSeries.Of(history.Steps, s => s.Step, step);
        if (curve.Steps.Length > 0 && isExact)
        {
            Line(plot, curve.Thinned(MostPoints), color, 2);
        }
        else if (curve.Steps.Length > 0)
        {
            Line(plot, curve.Thinned(MostPoints), color.WithAlpha(0.3), 1);
            Line(plot, curve.Smoothed((int)(curve.Steps.Length * SmoothedShare / 2)).Thinned(MostPoints), color, 2);
        }

        var points = validation is null ? new CurveSeries([], []) : CurveSeries.Of(history.Validations, v => v.Step, validation);
        if (points.Steps.Length > 0)
        {
            var marks = plot.Add.Scatter(points.Steps, points.Values, ValidationColor);
            (marks.LineWidth, marks.MarkerSize, marks.LegendText) = (1, 7, "validation");
            plot.ShowLegend(Alignment.UpperRight);
        }

        plot.Axes.Margins(bottom: 0.08, top: 0.12);
        return plot;
    }

    private static void Line(Plot plot, CurveSeries curve, Color color, float width)
    {
        // One point is no line.
        var line = plot.Add.Scatter(curve.Steps, curve.Values, color);
        (line.LineWidth, line.MarkerSize) = (width, curve.Steps.Length == 1 ? 5 : 0);
    }
}
