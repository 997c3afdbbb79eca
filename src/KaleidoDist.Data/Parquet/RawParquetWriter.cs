namespace KaleidoDist.Data;

/// <summary>
/// Writes one <c>kaleido-raw</c> Parquet file, row group by row group, uncompressed unless asked. The file appears under its name
/// only when it is whole: it is written beside it and renamed by <see cref="CompleteAsync"/>; without that call nothing is left behind.
/// </summary>
public sealed class RawParquetWriter : IAsyncDisposable
{
    /// <summary>Rows of a row group unless asked otherwise: 2.5 MB of 256-pixel pictures, one read.</summary>
    public const int DefaultRowsPerGroup = 256;

    private readonly ParquetShard<RawRecord> shard;

    private RawParquetWriter(ParquetShard<RawRecord> shard) => this.shard = shard;

    /// <summary>Starts a file. Its folder is created when missing; a file of the same name is replaced on completion.</summary>
    /// <param name="path">Where the file is to appear.</param>
    /// <param name="rowsPerGroup">Rows of every row group but the last one of the file.</param>
    /// <param name="cancel">Stops the start.</param>
    public static async Task<RawParquetWriter> CreateAsync(string path, int rowsPerGroup = DefaultRowsPerGroup, CancellationToken cancel = default)
        => new(await ParquetShard<RawRecord>.CreateAsync(path, RawLayout.Plain, rowsPerGroup, ShardCompression.None, cancel));

    /// <summary>Rows taken so far.</summary>
    public long RowCount => shard.RowCount;

    /// <summary>
    /// Takes a row; writes a row group when it is full. Half a group is held back, so that the last one has between half and one and
    /// a half times the rows of the others: donors come from a sample's own row group, and a tiny one would have none.
    /// </summary>
    public Task AddAsync(RawRecord record, CancellationToken cancel = default) => shard.AddAsync(record, cancel);

    /// <summary>Writes what is pending and the footer, and gives the file its name.</summary>
    /// <exception cref="Contracts.KaleidoException">No row was added: a Parquet file without rows is no data set.</exception>
    public Task CompleteAsync(CancellationToken cancel = default) => shard.CompleteAsync(cancel);

    /// <summary>Drops the file unless it was completed.</summary>
    public ValueTask DisposeAsync() => shard.DisposeAsync();
}
