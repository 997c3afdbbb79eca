using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido data</c>: sources to Parquet shards, and what is in them.</summary>
public static class DataCommand
{
    /// <summary>Builds the command.</summary>
    /// <param name="savePicture">Draws a contact sheet of a data set into a PNG file.</param>
    public static Command Create(Action<DatasetManifest, string> savePicture) => new("data", "Make data sets and look into them.")
    {
        DataImportCommand.Create(),
        ImportFashionGenCommand.Create(),
        ImportKaleidoCommand.Create(),
        ImportStaticCommand.Create(),
        ExportTsvCommand.Create(),
        DataInspectCommand.Create(savePicture),
        DataStatsCommand.Create(),
    };
}
