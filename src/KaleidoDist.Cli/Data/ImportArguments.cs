using System.CommandLine;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>Options that every verb that writes a data set of pictures has.</summary>
internal sealed class ImportArguments
{
    private readonly Option<double> validation = new("--validation") { HelpName = "SHARE", Description = "Share of products kept for validation.", DefaultValueFactory = _ => 0.1 };
    private readonly Option<int?> maxSide = new("--max-side") { HelpName = "PIXELS", Description = "Longest side in pixels; writes every picture anew on white." };
    private readonly Option<bool> square = new("--square") { Description = "Pad to a square with white; needs --max-side." };
    private readonly Option<int> quality = new("--quality") { HelpName = "Q", Description = "JPEG quality of pictures written anew, 1 to 100.", DefaultValueFactory = _ => 90 };
    private readonly Option<PictureFormat> format = new("--picture-format") { HelpName = "jpeg|png", Description = "Format of pictures written anew." };
    private readonly Option<ulong> seed = new("--seed") { HelpName = "N", Description = "Seed of the split and of the order.", DefaultValueFactory = _ => 42 };
    private readonly ShardArguments shards;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="output">Its output folder.</param>
    public ImportArguments(Command command, Argument<string> output)
    {
        foreach (var option in new Option[] { validation, maxSide, square, quality, format, seed })
            command.Options.Add(option);
        shards = new ShardArguments(command, output, RawParquetWriter.DefaultRowsPerGroup);
    }

    /// <summary>What was asked for.</summary>
    public ImportOptions Read(ParseResult parsed) => new()
    {
        OutputFolder = shards.Output(parsed),
        ValidationShare = parsed.GetValue(validation),
        Pictures = new PictureOptions
        {
            MaxSide = parsed.GetValue(maxSide),
            Square = parsed.GetValue(square),
            JpegQuality = parsed.GetValue(quality),
            Format = parsed.GetValue(format),
        },
        Seed = parsed.GetValue(seed),
        RowsPerGroup = shards.RowsPerGroup(parsed),
        RowsPerFile = shards.RowsPerFile(parsed),
        Compression = shards.Compression(parsed),
        Overwrite = shards.Overwrite(parsed),
    };

    /// <summary>Whether the report is JSON.</summary>
    public bool Json(ParseResult parsed) => shards.Json(parsed);
}
