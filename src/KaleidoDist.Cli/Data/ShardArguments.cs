using System.CommandLine;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>Options of every verb that writes shards.</summary>
internal sealed class ShardArguments
{
    /// <summary>Row groups of a file unless asked otherwise: its footer stays small.</summary>
    private const int GroupsPerFile = 64;

    private readonly Argument<string> output;
    private readonly Option<int> groupRows;
    private readonly Option<int> fileRows;
    private readonly Option<ShardCompression> compression = new("--compression") { HelpName = "none|zstd|snappy", Description = "Compression of whole files; pictures gain nothing by it." };
    private readonly Option<bool> overwrite = new("--overwrite") { Description = "Replace the data set already in OUT." };
    private readonly Option<bool> json = new("--json") { Description = "Print the report as JSON." };

    /// <summary>Adds the options to a command.</summary>
    public ShardArguments(Command command, Argument<string> output, int rowsPerGroup)
    {
        this.output = output;
        groupRows = new Option<int>("--row-group-rows") { HelpName = "N", Description = "Rows of a row group.", DefaultValueFactory = _ => rowsPerGroup };
        fileRows = new Option<int>("--file-rows") { HelpName = "N", Description = "Most rows of a file.", DefaultValueFactory = _ => GroupsPerFile * rowsPerGroup };
        foreach (var option in new Option[] { groupRows, fileRows, compression, overwrite, json })
            command.Options.Add(option);
    }

    /// <summary>The output folder.</summary>
    public string Output(ParseResult parsed) => parsed.GetRequiredValue(output);

    /// <summary>Rows of a row group.</summary>
    public int RowsPerGroup(ParseResult parsed) => parsed.GetValue(groupRows);

    /// <summary>Most rows of a file.</summary>
    public int RowsPerFile(ParseResult parsed) => parsed.GetValue(fileRows);

    /// <summary>Compression of the files.</summary>
    public ShardCompression Compression(ParseResult parsed) => parsed.GetValue(compression);

    /// <summary>Whether another data set is replaced.</summary>
    public bool Overwrite(ParseResult parsed) => parsed.GetValue(overwrite);

    /// <summary>Whether the report is JSON.</summary>
    public bool Json(ParseResult parsed) => parsed.GetValue(json);
}
