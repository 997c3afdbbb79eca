using System.CommandLine;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data import-kaleido</c>: the raw release of Kaleido-BERT becomes train and valid Parquet files.</summary>
internal static class ImportKaleidoCommand
{
    private const string Help =
        """
        Turn the raw release of Kaleido-BERT into a data set (schema kaleido-raw; categories keep the release's numbers): texts from
        full_train_info.txt, pictures by image id from an archive or the folder it was extracted to. A .tar.gz is unpacked once into
        OUT/.import, which is removed at the end; a .tar and a folder are used where they are.

        Examples:
          kaleido data import-kaleido full_train_info.txt extracted_images.tar.gz data/kaleido --validation-info full_valid_info.txt
          kaleido data import-kaleido full_train_info.txt extracted_images data/kaleido --max-side 256 --validation 0.05
        """;

    private static readonly Argument<string> Info = new("INFO") { Description = "Texts: 7 columns between bytes 0x01." };
    private static readonly Argument<string> Archive = new("ARCHIVE") { Description = "Pictures: .tar.gz, .tar or a folder." };
    private static readonly Argument<string> Output = new("OUT") { Description = "Folder to write train and valid into." };
    private static readonly Option<string?> ValidationInfo = new("--validation-info") { HelpName = "INFO", Description = "Texts of the validation rows." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("import-kaleido", Help) { Info, Archive, Output, ValidationInfo };
        var arguments = new ImportArguments(command, Output);
        command.SetAction(async (parsed, cancel) =>
        {
            using var source = new KaleidoReleaseSource(parsed.GetRequiredValue(Info), parsed.GetRequiredValue(Archive), parsed.GetValue(ValidationInfo));
            return await ImportRun.RunAsync(
                parsed, arguments.Json(parsed), (progress, stop) => DatasetImporter.ImportAsync(source, arguments.Read(parsed), progress, stop), cancel);
        });
        return command;
    }
}
