using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data stats</c>: how texts, classes, pictures and foreground boxes of a data set are spread.</summary>
internal static class DataStatsCommand
{
    private const string Help =
        """
        Read a data set whole and count: tokens of the texts and how many texts are cut, rows of each category and sub-category, sizes of
        the pictures, what the foreground boxes leave of them, and how the boxes were found.

        Examples:
          kaleido data stats configs/data/openclipart/train --picture stats.png
          kaleido data stats 'data/*/part-*.parquet' --json
        """;

    private static readonly JsonSerializerOptions JsonFormat = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    private static readonly Argument<string> Source = new("DATA") { Description = "A Parquet file, a folder of them, or a pattern." };
    private static readonly Option<bool> Json = new("--json") { Description = "Print the counts as JSON." };
    private static readonly Option<string?> Picture = new("--picture") { HelpName = "OUT.png", Description = "Draw the histograms." };
    private static readonly Option<string> Preset = new("--preset")
    {
        HelpName = "NAME",
        Description = "The model that will read it: its text length and cell side.",
        DefaultValueFactory = _ => "kaleido-tiny",
    };

    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var command = new Command("stats", Help) { Source, Json, Picture, Preset };
        command.SetAction(async (parsed, cancel) =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var preset = parsed.GetRequiredValue(Preset);
            var model = ModelConfig.Preset(preset)
                ?? throw KaleidoException.Usage($"--preset does not know '{preset}'; expected one of {string.Join(", ", ModelConfig.PresetNames)}.");
            var source = parsed.GetRequiredValue(Source);
            using var progress = ImportProgressLine.OnTerminal(parsed.InvocationConfiguration.Error);
            var statistics = await DatasetMeasurement.MeasureAsync(await DatasetIndexer.IndexAsync(source, cancel), model, progress, cancel);
            progress?.Clear();
            if (parsed.GetValue(Json))
                output.WriteLine(JsonSerializer.Serialize(statistics, JsonFormat));
            else
                Print(statistics, output);
            if (parsed.GetValue(Picture) is { } picture)
            {
                StatisticsPicture.Save(statistics, source, picture);
                if (!parsed.GetValue(Json))
                    output.WriteLine($"Histograms: {Path.GetFullPath(picture)}");
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(DatasetStatistics statistics, TextWriter output)
    {
        var good = statistics.RowCount - statistics.BadRowCount;
        output.WriteLine(FormattableString.Invariant($"{statistics.RowCount:N0} rows, {statistics.BadRowCount:N0} of them bad and left out below"));
        output.WriteLine(FormattableString.Invariant(
            $"Texts: {statistics.CutRowCount:N0} ({Share(statistics.CutRowCount, good)}) are longer than {statistics.TextLength} tokens and cut"));
        Histogram("Tokens of a text", statistics.TokenCounts, good, output);
        Histogram("Box share of the picture", statistics.BoxShares, good, output);
        output.WriteLine(ForegroundLine.Of(statistics.ForegroundWays));
        Classes("Category", statistics.Categories, good, output);
        Classes("Sub-category", statistics.Subcategories, good, output);
        Histogram("Longer side in pixels", statistics.LongerSides, good, output);
    }

    private static void Histogram(string title, IReadOnlyList<HistogramRange> ranges, long rows, TextWriter output)
    {
        const int widestBar = 40;
        output.WriteLine($"\n{title}");
        var most = ranges.Count == 0 ? 0 : ranges.Max(r => r.RowCount);
        foreach (var range in ranges.Where(r => r.RowCount > 0))
        {
            var bar = new string('#', (int)Math.Ceiling(widestBar * (double)range.RowCount / most));
            output.WriteLine(FormattableString.Invariant($"  {range.From,6:0.##} to {range.To,6:0.##}  {range.RowCount,9:N0}  {Share(range.RowCount, rows),7}  {bar}"));
        }

        output.WriteLine();
    }

    private static void Classes(string title, IReadOnlyList<ClassCount> classes, long rows, TextWriter output)
    {
        const int shown = 20;
        output.WriteLine(FormattableString.Invariant($"\n{title}: {classes.Count:N0}"));
        foreach (var one in classes.Take(shown))
            output.WriteLine(FormattableString.Invariant($"  {one.RowCount,9:N0}  {Share(one.RowCount, rows),7}  {one.Name}"));
        if (classes.Count > shown)
            output.WriteLine(FormattableString.Invariant($"  {classes.Skip(shown).Sum(c => c.RowCount),9:N0}  {Share(classes.Skip(shown).Sum(c => c.RowCount), rows),7}  in {classes.Count - shown:N0} more"));
    }

    private static string Share(long count, long of) => FormattableString.Invariant($"{(of == 0 ? 0 : (double)count / of):P1}");
}
