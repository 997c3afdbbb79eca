namespace KaleidoDist.Data;

/// <summary>A column of a file.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">binary, string, int32, ..., list or group.</param>
/// <param name="Nullable">Whether it may have nulls.</param>
public sealed record ColumnReport(string Name, string Type, bool Nullable);

/// <summary>A category and how many rows have it.</summary>
/// <param name="Id">Number.</param>
/// <param name="Name">Name.</param>
/// <param name="RowCount">Rows.</param>
/// <param name="SubcategoryCount">Distinct sub-categories among them.</param>
public sealed record CategoryReport(int Id, string Name, long RowCount, int SubcategoryCount);

/// <summary>A row that training would replace.</summary>
/// <param name="File">Absolute path.</param>
/// <param name="RowGroup">Row group in the file, from 0.</param>
/// <param name="Row">Row in the row group, from 0.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record BadRowReport(string File, int RowGroup, int Row, string Reason);

/// <summary>How many texts have a number of words in a range.</summary>
/// <param name="MinWords">Fewest words.</param>
/// <param name="MaxWords">Most words; null for no bound.</param>
/// <param name="RowCount">Rows.</param>
public sealed record TextLengthReport(int MinWords, int? MaxWords, long RowCount);

/// <summary>How many pictures have a size.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="RowCount">Rows.</param>
public sealed record PictureSizeReport(int Width, int Height, long RowCount);

/// <summary>A file of the data set.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Bytes">Size.</param>
/// <param name="RowCount">Rows.</param>
/// <param name="RowGroupCount">Row groups.</param>
public sealed record FileReport(string Path, long Bytes, long RowCount, long RowGroupCount);

/// <summary>What is in a data set.</summary>
public sealed record DatasetReport
{
    /// <summary>Schema name.</summary>
    public required string Schema { get; init; }

    /// <summary>Fingerprint of the manifest.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>All rows.</summary>
    public required long RowCount { get; init; }

    /// <summary>All row groups.</summary>
    public required long RowGroupCount { get; init; }

    /// <summary>Distinct products.</summary>
    public required long ProductCount { get; init; }

    /// <summary>The files.</summary>
    public required IReadOnlyList<FileReport> Files { get; init; }

    /// <summary>Columns of the first file.</summary>
    public required IReadOnlyList<ColumnReport> Columns { get; init; }

    /// <summary>Categories by number.</summary>
    public required IReadOnlyList<CategoryReport> Categories { get; init; }

    /// <summary>Texts by number of words, without empty ends.</summary>
    public required IReadOnlyList<TextLengthReport> TextLengths { get; init; }

    /// <summary>The most frequent picture sizes, at most <see cref="DatasetInspector.MaxSizeCount"/>.</summary>
    public required IReadOnlyList<PictureSizeReport> PictureSizes { get; init; }

    /// <summary>How the foreground boxes were found, at the scale at which kaleido-tiny decodes.</summary>
    public required ForegroundWays ForegroundWays { get; init; }

    /// <summary>Rows whose picture does not decode or whose text is empty.</summary>
    public required long BadRowCount { get; init; }

    /// <summary>The first bad rows, at most <see cref="DatasetInspector.MaxListedBadRowCount"/>.</summary>
    public required IReadOnlyList<BadRowReport> BadRows { get; init; }
}
