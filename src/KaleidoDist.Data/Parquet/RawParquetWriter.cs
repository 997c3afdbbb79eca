using System.IO.Compression;
using KaleidoDist.Contracts;
using Parquet;
using Parquet.Schema;

namespace KaleidoDist.Data;

/// <summary>
/// Writes one <c>kaleido-raw</c> Parquet file, row group by row group, uncompressed (pictures are compressed already, and readers
/// then slice pages instead of inflating them). The file appears under its name only when it is whole: it is written beside it and
/// renamed by <see cref="CompleteAsync"/>; without that call nothing is left behind.
/// </summary>
public sealed class RawParquetWriter : IAsyncDisposable
{
    /// <summary>Rows of a row group unless asked otherwise: 2.5 MB of 256-pixel pictures, one read.</summary>
    public const int DefaultRowsPerGroup = 256;

    private static readonly ParquetOptions Options = new()
    {
        CompressionMethod = CompressionMethod.None,
        CompressionLevel = CompressionLevel.Optimal,
    };

    private readonly string path;
    private readonly string temporaryPath;
    private readonly FileStream stream;
    private readonly ParquetWriter writer;
    private readonly DataField[] fields;
    private readonly List<RawRecord> pending;
    private readonly int rowsPerGroup;
    private bool closed;

    private RawParquetWriter(string path, string temporaryPath, FileStream stream, ParquetWriter writer, ParquetSchema schema, int rowsPerGroup)
    {
        this.path = path;
        this.temporaryPath = temporaryPath;
        this.stream = stream;
        this.writer = writer;
        this.rowsPerGroup = rowsPerGroup;
        fields = schema.DataFields;
        pending = [];
    }

    /// <summary>Starts a file. Its folder is created when missing; a file of the same name is replaced on completion.</summary>
    /// <param name="path">Where the file is to appear.</param>
    /// <param name="rowsPerGroup">Rows of every row group but the last one of the file.</param>
    /// <param name="cancel">Stops the start.</param>
    public static async Task<RawParquetWriter> CreateAsync(string path, int rowsPerGroup = DefaultRowsPerGroup, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGroup);
        var fullPath = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(fullPath)!);

        // A leading dot keeps an unfinished file out of every '*.parquet' pattern.
        var temporaryPath = Path.Combine(Path.GetDirectoryName(fullPath)!, $".{Path.GetFileName(fullPath)}.partial");
        var schema = RawSchema.Written();
        var stream = new FileStream(temporaryPath, FileMode.Create, FileAccess.Write, FileShare.None);
        try
        {
            var writer = await ParquetWriter.CreateAsync(schema, stream, Options, append: false, cancel);
            writer.CustomMetadata = new Dictionary<string, string>
            {
                [RawSchema.NameKey] = RawSchema.Name,
                [RawSchema.VersionKey] = RawSchema.Version,
            };
            return new RawParquetWriter(fullPath, temporaryPath, stream, writer, schema, rowsPerGroup);
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
    public async Task AddAsync(RawRecord record, CancellationToken cancel = default)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        pending.Add(record);
        RowCount++;
        if (pending.Count >= rowsPerGroup + (rowsPerGroup + 1) / 2)
            await WriteGroupAsync(rowsPerGroup, cancel);
    }

    /// <summary>Writes what is pending and the footer, and gives the file its name.</summary>
    /// <exception cref="KaleidoException">No row was added: a Parquet file without rows is no data set.</exception>
    public async Task CompleteAsync(CancellationToken cancel = default)
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
        foreach (var field in fields)
        {
            await (field.Name switch
            {
                RawSchema.SampleId => WriteAsync(r => r.SampleId),
                RawSchema.ProductId => WriteAsync(r => r.ProductId.AsMemory()),
                RawSchema.ImageId => WriteAsync(r => r.ImageId.AsMemory()),
                RawSchema.ImageIndex => WriteAsync(r => r.ImageIndex),
                RawSchema.Image => WriteAsync(r => r.Image),
                RawSchema.Width => WriteAsync(r => r.Width),
                RawSchema.Height => WriteAsync(r => r.Height),
                RawSchema.Text => WriteAsync(r => r.Text.AsMemory()),
                RawSchema.Category => WriteAsync(r => r.Category.AsMemory()),
                RawSchema.Subcategory => WriteAsync(r => r.Subcategory.AsMemory()),
                RawSchema.CategoryId => WriteAsync(r => r.CategoryId),
                RawSchema.SubcategoryId => WriteAsync(r => r.SubcategoryId),
                RawSchema.Split => WriteAsync(r => r.Split.AsMemory()),
                _ => throw new InvalidOperationException($"Column {field.Name} has no value to write."),
            });

            Task WriteAsync<T>(Func<RawRecord, T> value) where T : struct
                => group.WriteAsync<T>(field, pending.Take(count).Select(value).ToArray(), null, null, cancel);
        }

        group.CompleteValidate();
        pending.RemoveRange(0, count);
    }
}
