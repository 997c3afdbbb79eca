namespace KaleidoDist.Data;

/// <summary>Writes rows to <c>part-00.parquet</c>, <c>part-01.parquet</c>, ... of about equal size.</summary>
internal sealed class ShardWriter : IAsyncDisposable
{
    private readonly string folder;
    private readonly int rowsPerGroup;
    private readonly int fileCount;
    private readonly int rowsPerFile;
    private readonly List<string> files = [];
    private RawParquetWriter? current;

    /// <summary>Prepares to write at most <paramref name="rowCount"/> rows.</summary>
    public ShardWriter(string folder, int rowCount, int maxRowsPerFile, int rowsPerGroup)
    {
        this.folder = folder;
        this.rowsPerGroup = rowsPerGroup;
        fileCount = (int)Math.Ceiling(rowCount / (double)maxRowsPerFile);
        rowsPerFile = fileCount == 0 ? 0 : (int)Math.Ceiling(rowCount / (double)fileCount);
    }

    /// <summary>Rows written so far.</summary>
    public long RowCount { get; private set; }

    /// <summary>Writes a row, into the next file when this one is full.</summary>
    public async Task AddAsync(RawRecord record, CancellationToken cancel)
    {
        if (current is not null && current.RowCount == rowsPerFile)
            await FinishAsync(cancel);
        current ??= await RawParquetWriter.CreateAsync(NextPath(), rowsPerGroup, cancel);
        await current.AddAsync(record, cancel);
        RowCount++;
    }

    /// <summary>Completes the last file; returns all, in order.</summary>
    public async Task<IReadOnlyList<string>> CompleteAsync(CancellationToken cancel)
    {
        await FinishAsync(cancel);
        return files;
    }

    /// <summary>Drops an unfinished file.</summary>
    public ValueTask DisposeAsync() => current?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task FinishAsync(CancellationToken cancel)
    {
        if (current is null)
            return;
        await current.CompleteAsync(cancel);
        await current.DisposeAsync();
        files.Add(NextPath());
        current = null;
    }

    /// <summary>Numbers have leading zeros, so that the ordinal order of names is the order of parts.</summary>
    private string NextPath()
    {
        var digits = Math.Max(2, (fileCount - 1).ToString().Length);
        return Path.Combine(folder, $"part-{files.Count.ToString().PadLeft(digits, '0')}.parquet");
    }
}
