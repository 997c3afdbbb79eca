namespace KaleidoDist.Data;

/// <summary>The files <c>part-00.parquet</c>, <c>part-01.parquet</c>, ... of a split: of about equal size, none above the most.</summary>
/// <param name="RowsPerFile">Rows of every file but the last.</param>
/// <param name="Digits">Digits of a number: with leading zeros the ordinal order of names is the order of parts.</param>
internal readonly record struct ShardPlan(int RowsPerFile, int Digits)
{
    private const int MinDigits = 2;

    /// <summary>The plan for at most <paramref name="rowCount"/> rows.</summary>
    public static ShardPlan For(long rowCount, int maxRowsPerFile)
    {
        var fileCount = (rowCount + maxRowsPerFile - 1) / maxRowsPerFile;
        var rowsPerFile = fileCount == 0 ? 0 : (rowCount + fileCount - 1) / fileCount;
        return new ShardPlan((int)rowsPerFile, Math.Max(MinDigits, (fileCount - 1).ToString().Length));
    }

    /// <summary>Name of a file.</summary>
    public string FileName(int index) => $"part-{index.ToString().PadLeft(Digits, '0')}.parquet";
}
