using System.CommandLine;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data import-fashion-gen</c>: the HDF5 files of Fashion-Gen become train and valid Parquet files.</summary>
internal static class ImportFashionGenCommand
{
    private const string Help =
        """
        Turn Fashion-Gen's HDF5 files into a data set (schema kaleido-raw with title, brand, price and the like). The file is read in
        parts, whatever its size. Pictures are bare pixels there and are stored as JPEG, or as PNG. With --validation-file rows of the
        first file are for training and those of the second for validation; without, products are split by --validation.

        Examples:
          kaleido data import-fashion-gen fashiongen_256_256_train.h5 data/fashion --validation-file fashiongen_256_256_validation.h5
          kaleido data import-fashion-gen train.h5 data/fashion --picture-format png --text-column input_concat_description
        """;

    private static readonly Argument<string> Source = new("FILE") { Description = "HDF5 file with input_image, input_productID, input_description and the like." };
    private static readonly Argument<string> Output = new("OUT") { Description = "Folder to write train and valid into." };
    private static readonly Option<string?> ValidationFile = new("--validation-file") { HelpName = "FILE.h5", Description = "File of the validation rows." };
    private static readonly Option<string> TextColumn = new("--text-column") { HelpName = "NAME", Description = "Dataset of the descriptions.", DefaultValueFactory = _ => "input_description" };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("import-fashion-gen", Help) { Source, Output, ValidationFile, TextColumn };
        var arguments = new ImportArguments(command, Output);
        command.SetAction(async (parsed, cancel) =>
        {
            using var source = new FashionGenSource(parsed.GetRequiredValue(Source), parsed.GetValue(ValidationFile), parsed.GetRequiredValue(TextColumn));
            return await ImportRun.RunAsync(
                parsed, arguments.Json(parsed), (progress, stop) => DatasetImporter.ImportAsync(source, arguments.Read(parsed), progress, stop), cancel);
        });
        return command;
    }
}
