namespace KaleidoDist.Data;

/// <summary>Why a row was not imported.</summary>
public enum SkipReason
{
    /// <summary>A value that every row needs is missing or empty.</summary>
    MissingValue,

    /// <summary>The line is not in the format of its file.</summary>
    Malformed,

    /// <summary>The line is longer than any row may be.</summary>
    TooLong,

    /// <summary>The row has too few or too many columns, or a column too few or too many numbers.</summary>
    WrongCount,

    /// <summary>A text has a byte 0.</summary>
    NulByte,

    /// <summary>A number is none, or not finite.</summary>
    NotANumber,

    /// <summary>A number is outside its range.</summary>
    OutOfRange,

    /// <summary>A category has two numbers, or a number two categories.</summary>
    CategoryNumber,

    /// <summary>Positions of one row contradict one another.</summary>
    Inconsistent,

    /// <summary>The picture is not there.</summary>
    PictureMissing,

    /// <summary>The picture's file, or the size it declares, is larger than any picture may be.</summary>
    PictureTooLarge,

    /// <summary>The picture's bytes do not decode.</summary>
    PictureDamaged,
}

/// <summary>A row of the source that was not imported.</summary>
/// <param name="Source">Name of the file.</param>
/// <param name="Line">1-based line (CSV: last line of the record; HDF5: row) of the file.</param>
/// <param name="Reason">Why, for counting.</param>
/// <param name="Detail">Why, in words.</param>
public sealed record SkippedRow(string Source, long Line, SkipReason Reason, string Detail);

/// <summary>What an import does now, or what reads a data set.</summary>
public enum ImportPhase
{
    /// <summary>Reads texts and numbers.</summary>
    Scanning,

    /// <summary>Copies pictures out of an archive.</summary>
    Unpacking,

    /// <summary>Converts pictures and writes shards.</summary>
    Writing,

    /// <summary>Reads a data set that is there.</summary>
    Reading,
}

/// <summary>How far an import is.</summary>
/// <param name="Done">Rows (while unpacking: bytes of the archive) done; those of an earlier attempt count.</param>
/// <param name="Total">All of them; 0 while it is not known.</param>
/// <param name="Phase">What is done now.</param>
public readonly record struct ImportProgress(long Done, long Total, ImportPhase Phase = ImportPhase.Writing);

/// <summary>What an import did.</summary>
/// <param name="TrainRows">Rows written to <c>train</c>.</param>
/// <param name="ValidationRows">Rows written to <c>valid</c>.</param>
/// <param name="Files">Files written, absolute paths.</param>
/// <param name="CategoryCount">Distinct categories; 0 for rows that have none.</param>
/// <param name="SubcategoryCount">Distinct (category, sub-category) pairs; 0 for rows that have none.</param>
/// <param name="Skipped">Rows left out, by reason.</param>
/// <param name="FirstSkipped">The first of them, in the order they were met; all are in <paramref name="SkippedFile"/>.</param>
/// <param name="SkippedFile">JSON-lines file of the rows left out; null where there are none.</param>
/// <param name="ForegroundWays">How the foreground boxes of the pictures will be found; null for rows without pictures, and where shards of an earlier version do not say.</param>
public sealed record ImportReport(
    long TrainRows,
    long ValidationRows,
    IReadOnlyList<string> Files,
    int CategoryCount,
    int SubcategoryCount,
    IReadOnlyDictionary<SkipReason, long> Skipped,
    IReadOnlyList<SkippedRow> FirstSkipped,
    string? SkippedFile,
    ForegroundWays? ForegroundWays)
{
    /// <summary>Rows left out.</summary>
    public long SkippedCount => Skipped.Values.Sum();
}
