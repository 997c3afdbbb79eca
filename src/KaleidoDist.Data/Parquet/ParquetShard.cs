using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>What the rows of a file are: its columns, what its metadata says, and how a row group is written.</summary>
internal interface IShardLayout<TRow>
{
    /// <summary>The columns, in the order they are written.</summary>
    ParquetSchema Schema { get; }

    /// <summary>Key-value metadata of the file.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Writes the columns of a row group, in the order of the schema.</summary>
    Task WriteGroupAsync(ParquetRowGroupWriter group, IReadOnlyList<DataField> fields, IReadOnlyList<TRow> rows, CancellationToken cancel);
}

/// <summary>
/// One Parquet file being written, row group by row group. It appears under its name only when it is whole and on the disk: it is
/// written beside it, through the page cache, and renamed by <see cref="CompleteAsync"/>; without that call nothing is left behind.
/// Holds at most one and a half row groups.
/// </summary>
internal sealed class ParquetShard<TRow> : IAsyncDisposable
{
    /// <summary>Bytes gathered before the disk is asked: every write waits for it.</summary>
    private const int WriteBytes = 4 << 20;

    private readonly string path;
    private readonly string temporaryPath;
    private readonly FileStream stream;
    private readonly ParquetWriter writer;
    private readonly IShardLayout<TRow> layout;
    private readonly DataField[] fields;
    private readonly List<TRow> pending = [];
    private readonly int rowsPerGroup;
    private bool closed;

    private ParquetShard(string path, string temporaryPath, FileStream stream, ParquetWriter writer, IShardLayout<TRow> layout, ParquetSchema schema, int rowsPerGroup)
    {
        this.path = path;
        this.temporaryPath = temporaryPath;
        this.stream = stream;
        this.writer = writer;
        this.layout = layout;
        this.rowsPerGroup = rowsPerGroup;
        fields = schema.DataFields;
    }

    /// <summary>Starts a file. Its folder is created when missing; a file of the same name is replaced on completion.</summary>
    public static async Task<ParquetShard<TRow>> CreateAsync(string path, IShardLayout<TRow> layout, int rowsPerGroup, ShardCompression compression, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGroup);
        var fullPath = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(fullPath)!;
        Directory.CreateDirectory(folder);

        // A leading dot keeps an unfinished file out of every '*.parquet' pattern. O_SYNC rather than fsync: errors of the disk arrive.
        var temporaryPath = Path.Combine(folder, $".{Path.GetFileName(fullPath)}.partial");
        var schema = layout.Schema;
        var stream = new FileStream(temporaryPath, FileMode.Create, FileAccess.Write, FileShare.None, WriteBytes, FileOptions.WriteThrough);
        try
        {
            var writer = await ParquetWriter.CreateAsync(schema, stream, compression.Options(), append: false, cancel);
            writer.CustomMetadata = new Dictionary<string, string>(layout.Metadata);
            return new ParquetShard<TRow>(fullPath, temporaryPath, stream, writer, layout, schema, rowsPerGroup);
        }
        catch
        {
            await stream.DisposeAsync();
            File.Delete(temporaryPath);
            throw;
        }
    }

    /// <summary>Rows taken so far.</summary>
    public long RowCount { get; private set; }

    /// <summary>
    /// Takes a row; writes a row group when it is full. Half a group is held back, so that the last one has between half and one and
    /// a half times the rows of the others: donors come from a sample's own row group, and a tiny one would have none.
    /// </summary>
    public async Task AddAsync(TRow row, CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        pending.Add(row);
        RowCount++;
        if (pending.Count >= rowsPerGroup + (rowsPerGroup + 1) / 2)
            await WriteGroupAsync(rowsPerGroup, cancel);
    }

    /// <summary>Writes what is pending and the footer, and gives the file its name.</summary>
    /// <exception cref="KaleidoException">No row was added: a Parquet file without rows is no data set.</exception>
    public async Task CompleteAsync(CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        if (RowCount == 0)
            throw KaleidoException.Usage($"'{path}' would have 0 rows; expected at least 1. Check what the import skipped.");
        if (pending.Count > 0)
            await WriteGroupAsync(pending.Count, cancel);
        closed = true;
        await writer.DisposeAsync();
        await stream.DisposeAsync();
        File.Move(temporaryPath, path, overwrite: true);
    }

    /// <summary>Drops the file unless it was completed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (closed)
            return;
        closed = true;
        await writer.DisposeAsync();
        await stream.DisposeAsync();
        File.Delete(temporaryPath);
    }

    private async Task WriteGroupAsync(int count, CancellationToken cancel)
    {
        using var group = writer.CreateRowGroup();
        await layout.WriteGroupAsync(group, fields, pending.GetRange(0, count), cancel);
        group.CompleteValidate();
        pending.RemoveRange(0, count);
    }
}
