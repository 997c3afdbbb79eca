using System.Text.Json.Serialization;

namespace KaleidoDist.Data;

/// <summary>Format of pictures that are written anew.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PictureFormat>))]
public enum PictureFormat
{
    /// <summary>Small; loses what the quality says.</summary>
    Jpeg,

    /// <summary>Ten times the bytes of a photo, every pixel as it was.</summary>
    Png,
}

/// <summary>What is done to pictures on import.</summary>
public sealed record PictureOptions
{
    /// <summary>Longest side in pixels; larger pictures are scaled down. Null stores every picture's bytes as they are.</summary>
    public int? MaxSide { get; init; }

    /// <summary>Whether to pad to a square with white. Needs <see cref="MaxSide"/>.</summary>
    public bool Square { get; init; }

    /// <summary>JPEG quality of pictures that are written anew, 1..100. Default 90.</summary>
    public int JpegQuality { get; init; } = 90;

    /// <summary>Format of pictures that are written anew. Default JPEG.</summary>
    public PictureFormat Format { get; init; }
}

/// <summary>What an import makes of a source. The same source, options and libraries give the same bytes.</summary>
public sealed record ImportOptions
{
    /// <summary>Where <c>train</c> and <c>valid</c> folders are written.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Share of products whose pictures become validation data, 0..1. Default 0.1. Sources that are split already ignore it.</summary>
    public double ValidationShare { get; init; } = 0.1;

    /// <summary>What is done to pictures.</summary>
    public PictureOptions Pictures { get; init; } = new();

    /// <summary>Seed of the split and of the order of rows.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Rows of a row group. Default 256.</summary>
    public int RowsPerGroup { get; init; } = RawParquetWriter.DefaultRowsPerGroup;

    /// <summary>Most rows of a file. Default 16,384: 64 row groups.</summary>
    public int RowsPerFile { get; init; } = 64 * RawParquetWriter.DefaultRowsPerGroup;

    /// <summary>Compression of the files. Default none.</summary>
    public ShardCompression Compression { get; init; }

    /// <summary>Whether Parquet files already in the output folders are replaced; refused otherwise.</summary>
    public bool Overwrite { get; init; }
}
