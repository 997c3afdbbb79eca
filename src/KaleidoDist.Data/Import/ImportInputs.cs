using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Checks an import's options and names everything its result depends on.</summary>
internal static class ImportInputs
{
    /// <summary>Refuses options that make no sense.</summary>
    public static void Validate(ImportOptions options)
    {
        if (options.ValidationShare is not (>= 0 and < 1))
            throw KaleidoException.Usage($"The validation share is {options.ValidationShare}; expected 0 or more and less than 1.");
        ValidateSizes(options.RowsPerGroup, options.RowsPerFile);
        if (options.Pictures.JpegQuality is < 1 or > 100)
            throw KaleidoException.Usage($"The JPEG quality is {options.Pictures.JpegQuality}; expected 1 to 100.");
        if (options.Pictures.MaxSide is < 1)
            throw KaleidoException.Usage($"The longest side is {options.Pictures.MaxSide} pixels; expected at least 1.");
        if (options.Pictures is { Square: true, MaxSide: null })
            throw KaleidoException.Usage("Pictures are padded to squares only when they are written anew; expected a longest side (--max-side) too.");
    }

    /// <summary>Refuses sizes no reader could take.</summary>
    public static void ValidateSizes(int rowsPerGroup, int rowsPerFile)
    {
        if (rowsPerGroup is < 1 or > DatasetIndexer.MaxRowGroupRows || rowsPerFile < rowsPerGroup)
            throw KaleidoException.Usage($"{rowsPerGroup} rows per group and {rowsPerFile} per file; expected 1 to {DatasetIndexer.MaxRowGroupRows} per group and at least a group per file.");
    }

    /// <summary>Options and source, by name; where the output lies is no part of it.</summary>
    public static IReadOnlyDictionary<string, string> Of(ImportSource source, ImportOptions options)
    {
        var inputs = new Dictionary<string, string>
        {
            ["source"] = source.Kind,
            ["seed"] = Text(options.Seed),
            ["row group rows"] = Text(options.RowsPerGroup),
            ["file rows"] = Text(options.RowsPerFile),
            ["compression"] = options.Compression.ToString(),
            ["longest side"] = options.Pictures.MaxSide is { } side ? Text(side) : "as it is",
            ["square"] = options.Pictures.Square.ToString(),
            ["quality"] = Text(options.Pictures.JpegQuality),
            ["picture format"] = options.Pictures.Format.ToString(),
            ["validation share"] = source.IsSplit ? "split by the source" : options.ValidationShare.ToString("R", CultureInfo.InvariantCulture),
        };
        foreach (var (name, value) in source.Identity())
            inputs.Add(name, value);
        return inputs;
    }

    /// <summary>How files of a source are written.</summary>
    public static RawLayout Layout(ImportSource source) => new(source.Extras, source.Kind == FolderSource.KindName ? null : source.Kind);

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
