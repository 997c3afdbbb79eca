using System.CommandLine;
using System.Text.Json;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data inspect</c>: what is in a data set, and which of its rows are bad.</summary>
internal static class DataInspectCommand
{
    private const string Help =
        """
        Read a data set whole and report rows, row groups, schema, categories, text lengths, picture sizes, foreground boxes and bad rows.

        Examples:
          kaleido data inspect configs/data/openclipart/train
          kaleido data inspect 'data/*/part-*.parquet' --json
          kaleido data inspect configs/data/openclipart/valid --picture sheet.png
        """;

    private static readonly JsonSerializerOptions JsonFormat = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    private static readonly Argument<string> Source = new("FILE|DIR") { Description = "A Parquet file, a folder of them, or a pattern." };
    private static readonly Option<bool> Json = new("--json") { Description = "Print the report as JSON." };
    private static readonly Option<string?> Picture = new("--picture")
    {
        Description = "Write a contact sheet (PNG): samples with their kaleido patches and corruptions.",
        HelpName = "OUT.png",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create(Action<DatasetManifest, string> savePicture)
    {
        var command = new Command("inspect", Help) { Source, Json, Picture };
        command.SetAction(async (parsed, cancel) =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var manifest = await DatasetIndexer.IndexAsync(parsed.GetRequiredValue(Source), cancel);
            using var progress = ImportProgressLine.OnTerminal(parsed.InvocationConfiguration.Error);
            var report = await DatasetInspector.InspectAsync(manifest, progress, cancel);
            progress?.Clear();
            if (parsed.GetValue(Json))
                output.WriteLine(JsonSerializer.Serialize(report, JsonFormat));
            else
                Print(report, output);
            if (parsed.GetValue(Picture) is { } picture)
            {
                savePicture(manifest, picture);
                if (!parsed.GetValue(Json))
                    output.WriteLine($"Contact sheet: {Path.GetFullPath(picture)}");
            }

            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(DatasetReport report, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        output.WriteLine(FormattableString.Invariant(
            $"{report.RowCount:N0} rows of {report.ProductCount:N0} products in {report.RowGroupCount:N0} row groups and {report.Files.Count:N0} files, schema {report.Schema}"));
        output.WriteLine($"fingerprint {report.Fingerprint}");
        Table(console, ["File", "Rows", "Row groups", "Bytes"], report.Files.Select(f => new[] { Path.GetFileName(f.Path), Number(f.RowCount), Number(f.RowGroupCount), Number(f.Bytes) }));
        Table(console, ["Column", "Type", "Nullable"], report.Columns.Select(c => new[] { c.Name, c.Type, c.Nullable ? "yes" : "no" }));
        Table(console, ["Category", "Id", "Rows", "Sub-categories"], report.Categories.Select(c => new[] { c.Name, Number(c.Id), Number(c.RowCount), Number(c.SubcategoryCount) }));
        Table(console, ["Words of text", "Rows"], report.TextLengths.Select(t => new[] { Range(t), Number(t.RowCount) }));
        Table(console, ["Picture size", "Rows"], report.PictureSizes.Select(s => new[] { $"{s.Width} x {s.Height}", Number(s.RowCount) }));

        if (report.ForegroundWays is { Total: > 0 } ways)
            output.WriteLine(ForegroundLine.Of(ways));
        output.WriteLine(FormattableString.Invariant($"{report.BadRowCount:N0} bad rows ({(double)report.BadRowCount / report.RowCount:P2})"));
        foreach (var row in report.BadRows)
            output.WriteLine($"  {row.File}, row group {row.RowGroup}, row {row.Row}: {row.Reason}");
        if (report.BadRowCount > report.BadRows.Count)
            output.WriteLine($"  and {Number(report.BadRowCount - report.BadRows.Count)} more");
    }

    private static void Table(IAnsiConsole console, string[] header, IEnumerable<string[]> rows)
    {
        var table = new Table().Border(TableBorder.Simple);
        for (var i = 0; i < header.Length; i++)
            table.AddColumn(new TableColumn(header[i]) { Alignment = i == 0 ? Justify.Left : Justify.Right });
        foreach (var row in rows)
            table.AddRow([.. row.Select(Markup.Escape)]);
        console.Write(table);
    }

    private static string Range(TextLengthReport range) => range switch
    {
        { MaxWords: null } => $"{range.MinWords} or more",
        _ when range.MinWords == range.MaxWords => $"{range.MinWords}",
        _ => $"{range.MinWords} to {range.MaxWords}",
    };

    private static string Number(long value) => FormattableString.Invariant($"{value:N0}");
}
