using System.Globalization;
using System.Text;

namespace KaleidoDist.Cli;

/// <summary>Rows a second of the data path as a table.</summary>
internal static class DataBenchTable
{
    private const int NameWidth = 42, FigureWidth = 34;

    /// <summary>A line a stage, below it its peer and how many times as fast ours is; a column for each number of threads.</summary>
    internal static string Of(DataRows rows, IReadOnlyList<DataFigure> figures, DataWait? wait)
    {
        int[] threads = [.. figures.Select(figure => figure.Threads).Distinct()];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{rows.Count:N0} rows a turn, {figures[0].Seconds.Count} turns; rows a second, median (slowest to fastest turn)").AppendLine();
        text.Append("".PadRight(NameWidth));
        foreach (var count in threads)
            text.Append($"{count} thread{(count == 1 ? "" : "s")}".PadLeft(FigureWidth));
        text.AppendLine();
        foreach (var stage in figures.Where(figure => figure.Peer is null).Select(figure => figure.Stage).Distinct())
        {
            Line(stage, stage);
            foreach (var peer in figures.Where(figure => figure.Peer == stage).Select(figure => figure.Stage).Distinct())
            {
                Line($"  {peer}", peer);
                text.Append("  ours is faster by".PadRight(NameWidth));
                foreach (var count in threads)
                    text.Append($"{Find(stage, count).FasterThan(Find(peer, count)).ToString("0.0", CultureInfo.InvariantCulture)} times".PadLeft(FigureWidth));
                text.AppendLine();
            }
        }

        if (wait is not null)
            text.Append(CultureInfo.InvariantCulture, $"Of {wait.Steps} training steps of kaleido-tiny, {Units.Duration(wait.StepSeconds)}, {wait.Share:P2} waited for data; the goal is at most {DataWait.Goal:P0}.").AppendLine();
        return text.ToString();

        DataFigure Find(string stage, int count) => figures.First(figure => figure.Stage == stage && figure.Threads == count);

        void Line(string name, string stage)
        {
            text.Append(name.PadRight(NameWidth));
            foreach (var figure in threads.Select(count => Find(stage, count)))
                text.Append(string.Create(CultureInfo.InvariantCulture, $"{figure.Median:N0} ({figure.Slowest:N0} to {figure.Fastest:N0})").PadLeft(FigureWidth));
            text.AppendLine();
        }
    }
}
