using System.CommandLine;
using System.CommandLine.Parsing;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data import</c>: a folder of pictures and a list of texts become train and valid Parquet files.</summary>
internal static class DataImportCommand
{
    private const string Help =
        """
        Turn a folder of pictures and a list of texts into a data set (schema kaleido-raw): OUT/train and OUT/valid, split by product,
        rows shuffled. The list is JSON-lines or CSV with the columns image (a path below the folder) and text; product_id, category and
        subcategory are optional.

        Examples:
          kaleido data import photos photos.jsonl data/shop
          kaleido data import photos photos.csv data/shop --max-side 256 --columns text=caption,product_id=sku
        """;

    /// <summary>Skipped rows listed one by one; the rest are counted.</summary>
    private const int ListedSkipCount = 10;

    private static readonly Argument<string> Images = new("IMAGES") { Description = "Folder of the pictures." };
    private static readonly Argument<string> Metadata = new("LIST") { Description = "One picture a line: .jsonl, .ndjson, .csv or .tsv." };
    private static readonly Argument<string> Output = new("OUT") { Description = "Folder to write train and valid into." };
    private static readonly Option<ImportColumns?> Columns = new("--columns")
    {
        Description = "Names of the columns, where they differ: image=..,text=..,product_id=..,category=..,subcategory=..",
        HelpName = "KEY=NAME,...",
        CustomParser = ParseColumns,
    };

    private static readonly Option<double> Validation = new("--validation") { HelpName = "SHARE", Description = "Share of products kept for validation.", DefaultValueFactory = _ => 0.1 };
    private static readonly Option<int?> MaxSide = new("--max-side") { HelpName = "PIXELS", Description = "Longest side in pixels; writes every picture anew as JPEG on white." };
    private static readonly Option<bool> Square = new("--square") { Description = "Pad to a square with white; needs --max-side." };
    private static readonly Option<int> Quality = new("--quality") { HelpName = "Q", Description = "JPEG quality of pictures written anew, 1 to 100.", DefaultValueFactory = _ => 90 };
    private static readonly Option<ulong> Seed = new("--seed") { HelpName = "N", Description = "Seed of the split and of the order.", DefaultValueFactory = _ => 42 };
    private static readonly Option<int> GroupRows = new("--row-group-rows") { HelpName = "N", Description = "Rows of a row group.", DefaultValueFactory = _ => RawParquetWriter.DefaultRowsPerGroup };
    private static readonly Option<int> FileRows = new("--file-rows") { HelpName = "N", Description = "Most rows of a file.", DefaultValueFactory = _ => 64 * RawParquetWriter.DefaultRowsPerGroup };
    private static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace the Parquet files already in OUT." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("import", Help)
        {
            Images, Metadata, Output, Columns, Validation, MaxSide, Square, Quality, Seed, GroupRows, FileRows, Overwrite,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var options = new ImportOptions
        {
            ImageFolder = parsed.GetRequiredValue(Images),
            MetadataFile = parsed.GetRequiredValue(Metadata),
            OutputFolder = parsed.GetRequiredValue(Output),
            Columns = parsed.GetValue(Columns) ?? new ImportColumns(),
            ValidationShare = parsed.GetValue(Validation),
            Pictures = new PictureOptions { MaxSide = parsed.GetValue(MaxSide), Square = parsed.GetValue(Square), JpegQuality = parsed.GetValue(Quality) },
            Seed = parsed.GetValue(Seed),
            RowsPerGroup = parsed.GetValue(GroupRows),
            RowsPerFile = parsed.GetValue(FileRows),
            Overwrite = parsed.GetValue(Overwrite),
        };
        var output = parsed.InvocationConfiguration.Output;
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        var report = console.Profile.Out.IsTerminal
            ? await console.Progress().AutoClear(true).StartAsync(context => DatasetImporter.ImportAsync(options, new TaskProgress(context.AddTask("Pictures")), cancel))
            : await DatasetImporter.ImportAsync(options, progress: null, cancel);
        Print(report, output);
        return (int)ExitCode.Done;
    }

    private static void Print(ImportReport report, TextWriter output)
    {
        output.WriteLine(FormattableString.Invariant($"{report.TrainRows:N0} training and {report.ValidationRows:N0} validation rows, {report.CategoryCount:N0} categories, {report.SubcategoryCount:N0} sub-categories"));
        foreach (var file in report.Files)
            output.WriteLine(FormattableString.Invariant($"  {file} ({new FileInfo(file).Length:N0} bytes)"));
        if (report.Skipped.Count == 0)
            return;
        output.WriteLine($"{report.Skipped.Count:N0} rows skipped:");
        foreach (var skipped in report.Skipped.Take(ListedSkipCount))
            output.WriteLine($"  line {skipped.Line}: {skipped.Reason}");
        if (report.Skipped.Count > ListedSkipCount)
            output.WriteLine($"  and {report.Skipped.Count - ListedSkipCount:N0} more");
    }

    private static ImportColumns? ParseColumns(ArgumentResult result)
    {
        var columns = new ImportColumns();
        foreach (var pair in result.Tokens.SelectMany(t => t.Value.Split(',')))
        {
            if (pair.Split('=', 2) is not [var key, { Length: > 0 } name])
            {
                result.AddError($"--columns: '{pair}' is no column; expected KEY=NAME, as in text=caption.");
                return null;
            }

            switch (key.Trim())
            {
                case "image": columns = columns with { Image = name }; break;
                case "text": columns = columns with { Text = name }; break;
                case "product_id": columns = columns with { ProductId = name }; break;
                case "category": columns = columns with { Category = name }; break;
                case "subcategory": columns = columns with { Subcategory = name }; break;
                default:
                    result.AddError($"--columns: unknown '{key}'; expected image, text, product_id, category or subcategory.");
                    return null;
            }
        }

        return columns;
    }

    /// <summary>Shows progress where the work is done, without hopping threads.</summary>
    private sealed class TaskProgress(ProgressTask task) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value)
        {
            task.MaxValue = value.Total;
            task.Value = value.Done;
        }
    }
}
