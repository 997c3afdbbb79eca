using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>Runs an import for a person: progress on standard error, the report on standard output, 75 when it was interrupted.</summary>
internal static class ImportRun
{
    private static readonly JsonSerializerOptions JsonFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = JsonNamingPolicy.KebabCaseLower,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>Runs an import.</summary>
    /// <param name="parsed">The command line, for its outputs and for the command that goes on.</param>
    /// <param name="json">Whether the report is JSON.</param>
    /// <param name="import">What to run.</param>
    /// <param name="cancel">Stops, besides Ctrl-C.</param>
    public static async Task<int> RunAsync(
        ParseResult parsed, bool json, Func<IProgress<ImportProgress>, CancellationToken, Task<ImportReport>> import, CancellationToken cancel)
    {
        var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
        using var progress = ImportProgressLine.On(error);
        using var stop = new DataStop(cancel);
        try
        {
            var report = await import(progress, stop.Token);
            progress.Clear();
            if (json)
                output.WriteLine(JsonSerializer.Serialize(report, JsonFormat));
            else
                Print(report, output);
            return (int)ExitCode.Done;
        }
        catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
        {
            progress.Clear();
            await error.WriteLineAsync($"Interrupted; complete shards stay. Go on with: kaleido {Command(parsed)}");
            return (int)ExitCode.Resumable;
        }
    }

    /// <summary>The command as it was typed, so that it can be typed again.</summary>
    private static string Command(ParseResult parsed)
        => string.Join(' ', parsed.Tokens.Select(t => t.Value.All(c => char.IsLetterOrDigit(c) || "-_./:=,+@%".Contains(c)) && t.Value.Length > 0 ? t.Value : $"'{t.Value.Replace("'", "'\\''")}'"));

    private static void Print(ImportReport report, TextWriter output)
    {
        output.WriteLine(report.CategoryCount == 0
            ? FormattableString.Invariant($"{report.TrainRows:N0} rows")
            : FormattableString.Invariant($"{report.TrainRows:N0} training and {report.ValidationRows:N0} validation rows, {report.CategoryCount:N0} categories, {report.SubcategoryCount:N0} sub-categories"));
        if (report.ForegroundWays is { Total: > 0 } ways)
            output.WriteLine(ForegroundLine.Of(ways));
        foreach (var file in report.Files)
            output.WriteLine(FormattableString.Invariant($"  {file} ({new FileInfo(file).Length:N0} bytes)"));
        if (report.SkippedCount == 0)
            return;
        output.WriteLine(FormattableString.Invariant($"{report.SkippedCount:N0} rows skipped:"));
        foreach (var skipped in report.FirstSkipped)
            output.WriteLine($"  line {skipped.Line}: {skipped.Detail}");
        if (report.SkippedCount > report.FirstSkipped.Count)
            output.WriteLine(FormattableString.Invariant($"  and {report.SkippedCount - report.FirstSkipped.Count:N0} more"));
        foreach (var (reason, count) in report.Skipped.OrderByDescending(s => s.Value).ThenBy(s => s.Key))
            output.WriteLine(FormattableString.Invariant($"  {count,9:N0} {JsonNamingPolicy.KebabCaseLower.ConvertName(reason.ToString())}"));
        output.WriteLine($"  all of them in {report.SkippedFile}");
    }
}
