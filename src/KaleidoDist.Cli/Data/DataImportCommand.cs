using System.CommandLine;
using System.CommandLine.Parsing;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data import</c>: a folder of pictures and a list of texts become train and valid Parquet files.</summary>
internal static class DataImportCommand
{
    private const string Help =
        """
        Turn a folder of pictures and a list of texts into a data set (schema kaleido-raw): OUT/train and OUT/valid, split by product,
        rows shuffled. The list is JSON-lines or CSV with the columns image (a path below the folder) and text; product_id, category and
        subcategory are optional. What else the list knows is taken where --columns names it: title, brand, gender, season, composition,
        department, pose, price_usd; fg_box, the product's box as JSON [x1, y1, x2, y2] in pixels; and alignments of words and patches, as
        JSON [{"word_start": 0, "word_end": 1, "level": 3, "patch": 4, "score": 0.9}] (WordPieces of the text from 0). An import that was interrupted goes on when the same command is run again, and ends with the same
        bytes. Rows that cannot be used are listed in OUT/skipped.jsonl with the reason.

        Examples:
          kaleido data import photos photos.jsonl data/shop
          kaleido data import photos photos.csv data/shop --max-side 256 --columns text=caption,product_id=sku
          kaleido data import photos photos.jsonl data/shop --columns title=name,price_usd=price,fg_box=box
        """;

    private static readonly Argument<string> Images = new("IMAGES") { Description = "Folder of the pictures." };
    private static readonly Argument<string> Metadata = new("LIST") { Description = "One picture a line: .jsonl, .ndjson, .csv or .tsv." };
    private static readonly Argument<string> Output = new("OUT") { Description = "Folder to write train and valid into." };
    private static readonly Option<ImportColumns?> Columns = new("--columns")
    {
        Description = "Names of the columns, where they differ: image=..,text=..,product_id=..,category=..,subcategory=..; further ones, as title=name or fg_box=box.",
        HelpName = "KEY=NAME,...",
        CustomParser = ParseColumns,
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("import", Help) { Images, Metadata, Output, Columns };
        var arguments = new ImportArguments(command, Output);
        command.SetAction(async (parsed, cancel) =>
        {
            using var source = new FolderSource(parsed.GetRequiredValue(Images), parsed.GetRequiredValue(Metadata), parsed.GetValue(Columns));
            return await ImportRun.RunAsync(
                parsed, arguments.Json(parsed), (progress, stop) => DatasetImporter.ImportAsync(source, arguments.Read(parsed), progress, stop), cancel);
        });
        return command;
    }

    private static ImportColumns? ParseColumns(ArgumentResult result)
    {
        var columns = new ImportColumns();
        var extras = new Dictionary<string, string>();
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
                case var extra when ImportColumns.ExtraNames.Contains(extra): extras[extra] = name; break;
                default:
                    result.AddError($"--columns: unknown '{key}'; expected image, text, product_id, category, subcategory, {string.Join(", ", ImportColumns.ExtraNames)}.");
                    return null;
            }
        }

        return columns with { Extras = extras };
    }
}
