namespace KaleidoDist.Data;

/// <summary>What rows are for.</summary>
public enum DataSplit
{
    /// <summary>Training.</summary>
    Train,

    /// <summary>Validation.</summary>
    Valid,
}

/// <summary>Splits as folders and values.</summary>
internal static class DataSplits
{
    /// <summary>All, in the order they are written.</summary>
    public static readonly IReadOnlyList<DataSplit> All = [DataSplit.Train, DataSplit.Valid];

    /// <summary>The split's folder below the output, and its name in the column <c>split</c>.</summary>
    public static string FolderName(this DataSplit split) => split == DataSplit.Train ? "train" : "valid";
}
