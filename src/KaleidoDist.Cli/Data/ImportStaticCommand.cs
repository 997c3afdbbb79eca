using System.CommandLine;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data import-static</c>: tab-separated rows of the released data become Parquet files.</summary>
internal static class ImportStaticCommand
{
    private const string Help =
        """
        Turn static rows, as Kaleido-BERT released them for pre-training, retrieval and fine-tuning (tab-separated, vectors between
        commas), into Parquet files of schema kaleido-static. Every number is checked; the number of columns tells the kind of rows.

        The released rows have 35 numbers of camouflage positions where the model takes 45. They are refused, unless
        --camouflage-positions recompute: the box is the rotation position, which the jigsaw positions must span, and is cut into 3 x 3
        cells as every level is cut.

        Examples:
          kaleido data import-static 'pretrain_train_*.tsv' data/static/train --camouflage-positions recompute
          kaleido data import-static rows.tsv data/static --keep-order --compression zstd
        """;

    private static readonly Argument<string> Rows = new("ROWS") { Description = "A file, a folder of *.tsv, or a pattern." };
    private static readonly Argument<string> Output = new("OUT") { Description = "Folder to write the Parquet files into." };
    private static readonly Option<string?> Kind = new("--rows") { HelpName = "KIND", Description = "pretrain, retrieval or fine-tune; default: by the number of columns." };
    private static readonly Option<string> Camouflage = new("--camouflage-positions") { HelpName = "keep|recompute", Description = "What to do with 35 camouflage positions: refuse them, or compute the 45.", DefaultValueFactory = _ => "keep" };
    private static readonly Option<bool> KeepOrder = new("--keep-order") { Description = "Keep the order of the source instead of shuffling." };
    private static readonly Option<ulong> Seed = new("--seed") { HelpName = "N", Description = "Seed of the order.", DefaultValueFactory = _ => 42 };

    static ImportStaticCommand()
    {
        Kind.AcceptOnlyFromAmong("pretrain", "retrieval", "fine-tune");
        Camouflage.AcceptOnlyFromAmong("keep", "recompute");
    }

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command("import-static", Help) { Rows, Output, Kind, Camouflage, KeepOrder, Seed };
        var shards = new ShardArguments(command, Output, StaticImportOptions.DefaultRowsPerGroup);
        command.SetAction((parsed, cancel) =>
        {
            var options = new StaticImportOptions
            {
                OutputFolder = shards.Output(parsed),
                Variant = parsed.GetValue(Kind) switch
                {
                    "pretrain" => StaticVariant.Pretrain,
                    "retrieval" => StaticVariant.Retrieval,
                    "fine-tune" => StaticVariant.FineTune,
                    _ => null,
                },
                RecomputeCamouflage = parsed.GetValue(Camouflage) == "recompute",
                KeepOrder = parsed.GetValue(KeepOrder),
                Seed = parsed.GetValue(Seed),
                RowsPerGroup = shards.RowsPerGroup(parsed),
                RowsPerFile = shards.RowsPerFile(parsed),
                Compression = shards.Compression(parsed),
                Overwrite = shards.Overwrite(parsed),
            };
            return ImportRun.RunAsync(
                parsed, shards.Json(parsed), (progress, stop) => StaticImporter.ImportAsync(parsed.GetRequiredValue(Rows), options, progress, stop), cancel);
        });
        return command;
    }
}
