namespace KaleidoDist.Data;

/// <summary>A row of the source that was not imported.</summary>
/// <param name="Line">1-based line (CSV: record) of the metadata file.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record SkippedRow(long Line, string Reason);

/// <summary>How far an import is.</summary>
/// <param name="Done">Rows written or skipped.</param>
/// <param name="Total">All rows.</param>
public readonly record struct ImportProgress(long Done, long Total);

/// <summary>What an import did.</summary>
/// <param name="TrainRows">Rows written to <c>train</c>.</param>
/// <param name="ValidationRows">Rows written to <c>valid</c>.</param>
/// <param name="Files">Files written, absolute paths.</param>
/// <param name="CategoryCount">Distinct categories.</param>
/// <param name="SubcategoryCount">Distinct (category, sub-category) pairs.</param>
/// <param name="Skipped">Rows left out, in the order they were met.</param>
public sealed record ImportReport(
    long TrainRows,
    long ValidationRows,
    IReadOnlyList<string> Files,
    int CategoryCount,
    int SubcategoryCount,
    IReadOnlyList<SkippedRow> Skipped);
