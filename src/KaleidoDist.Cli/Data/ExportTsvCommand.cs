using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data export-tsv</c>: static rows from Parquet back to tab-separated text.</summary>
internal static class ExportTsvCommand
{
    private const string Help =
        """
        Turn Parquet files of schema kaleido-static back into tab-separated rows, as Kaleido-BERT released them: in the order they are
        stored, numbers with a fraction with five decimals.

        Examples:
          kaleido data export-tsv data/static/train rows.tsv
          kaleido data export-tsv data/static/train/part-00.parquet rows.tsv --overwrite --json
        """;

    private static readonly Argument<string> Source = new("FILE|DIR") { Description = "A Parquet file, a folder of them, or a pattern." };
    private static readonly Argument<string> Output = new("ROWS") { Description = "Text file to write." };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace the text file when it is there." };
    private static readonly Option<bool> Json = new("--json") { Description = "Print the report as JSON." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("export-tsv", Help) { Source, Output, Overwrite, Json };
        command.SetAction(async (parsed, cancel) =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var path = Path.GetFullPath(parsed.GetRequiredValue(Output));
            using var progress = ImportProgressLine.On(error);
            using var stop = new DataStop(cancel);
            try
            {
                var rows = await StaticExporter.ExportAsync(parsed.GetRequiredValue(Source), path, parsed.GetValue(Overwrite), progress, stop.Token);
                progress.Clear();
                output.WriteLine(parsed.GetValue(Json)
                    ? $$"""{"rows": {{rows}}, "file": {{System.Text.Json.JsonSerializer.Serialize(path)}}}"""
                    : FormattableString.Invariant($"{rows:N0} rows in {path} ({new FileInfo(path).Length:N0} bytes)"));
                return (int)ExitCode.Done;
            }
            catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
            {
                progress.Clear();
                await error.WriteLineAsync("Interrupted; no file was left. The same command begins anew.");
                return (int)ExitCode.Resumable;
            }
        });
        return command;
    }
}
