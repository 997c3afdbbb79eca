using System.IO.Compression;
using Parquet;

namespace KaleidoDist.Data;

/// <summary>
/// Compression of a data set's files. One codec serves a whole file: the library has no choice by column. Pictures are compressed
/// already (zstd takes 4 % off a file of JPEGs), and readers slice uncompressed pages instead of inflating them (a sixth of the
/// memory traffic); so <see cref="None"/> is the default, and the others are for static rows, whose floats are written as text once.
/// </summary>
public enum ShardCompression
{
    /// <summary>As it is.</summary>
    None,

    /// <summary>Smaller files, slower reads.</summary>
    Zstd,

    /// <summary>A little smaller, fast.</summary>
    Snappy,
}

/// <summary>The library's words for a compression.</summary>
internal static class ShardCompressionOptions
{
    /// <summary>Options of a writer. The level is always named: the library's own default is its slowest.</summary>
    public static ParquetOptions Options(this ShardCompression compression) => new()
    {
        CompressionMethod = compression switch
        {
            ShardCompression.None => CompressionMethod.None,
            ShardCompression.Zstd => CompressionMethod.Zstd,
            ShardCompression.Snappy => CompressionMethod.Snappy,
            _ => throw new ArgumentOutOfRangeException(nameof(compression), compression, null),
        },
        CompressionLevel = CompressionLevel.Optimal,
    };
}
