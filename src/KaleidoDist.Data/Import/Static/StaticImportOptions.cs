namespace KaleidoDist.Data;

/// <summary>What an import makes of static rows. The same source, options and libraries give the same bytes.</summary>
public sealed record StaticImportOptions
{
    /// <summary>Rows of a row group unless asked otherwise: 30 MB of pre-training rows.</summary>
    public const int DefaultRowsPerGroup = 64;

    /// <summary>Folder the Parquet files are written into.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>The kind of rows; null takes it from the number of columns of the first one.</summary>
    public StaticVariant? Variant { get; init; }

    /// <summary>Whether rows with 35 camouflage positions get the 45 that their other positions imply; they are refused otherwise.</summary>
    public bool RecomputeCamouflage { get; init; }

    /// <summary>Whether rows stay in the order of the source; they are shuffled otherwise.</summary>
    public bool KeepOrder { get; init; }

    /// <summary>Seed of the order.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Rows of a row group. Default 64.</summary>
    public int RowsPerGroup { get; init; } = DefaultRowsPerGroup;

    /// <summary>Most rows of a file. Default 4,096: 64 row groups.</summary>
    public int RowsPerFile { get; init; } = 64 * DefaultRowsPerGroup;

    /// <summary>Compression of the files. Default none.</summary>
    public ShardCompression Compression { get; init; }

    /// <summary>Whether Parquet files already in the output folder are replaced; refused otherwise.</summary>
    public bool Overwrite { get; init; }
}
