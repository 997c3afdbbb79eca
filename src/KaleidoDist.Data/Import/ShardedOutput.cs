using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Writes rows, in an order that is fixed beforehand, into shards, and notes each in the journal. What came before the last complete
/// shard of an earlier attempt is passed over.
/// </summary>
internal sealed class ShardedOutput<TRow>(ImportJournal journal, SkipLog skipped, string output, IShardLayout<TRow> layout, int rowsPerGroup, ShardCompression compression, ForegroundTally? boxes = null)
    where TRow : class
{
    /// <summary>Writes the shards of a folder.</summary>
    /// <param name="subfolder">Folder below the output.</param>
    /// <param name="positions">Positions in the order of rows: 0 to this.</param>
    /// <param name="plan">Sizes and names of the shards.</param>
    /// <param name="read">The row at a position; null where it belongs elsewhere or was skipped.</param>
    /// <param name="cancel">Stops between rows.</param>
    /// <returns>Rows in the folder.</returns>
    public async Task<long> WriteAsync(string subfolder, long positions, ShardPlan plan, Func<long, ValueTask<TRow?>> read, CancellationToken cancel)
    {
        var done = journal.State.Shards.Where(s => s.Folder == subfolder).ToArray();
        var (rows, index) = (done.Sum(s => s.Rows), done.Length);
        if (plan.RowsPerFile == 0)
            return rows;
        for (var position = done.Length > 0 ? done[^1].Next : 0; position < positions; index++)
        {
            var name = plan.FileName(index);
            var (shardRows, next) = await WriteShardAsync(Path.Combine(output, subfolder, name), position, positions, plan.RowsPerFile, read, cancel);
            if (shardRows > 0)
                journal.Add(subfolder, name, shardRows, next, skipped.Flush(), boxes?.Take());
            (rows, position) = (rows + shardRows, next);
        }

        return rows;
    }

    /// <summary>One file; it is begun with its first row, so that rows that are all skipped leave none.</summary>
    private async Task<(long Rows, long Next)> WriteShardAsync(
        string path, long position, long positions, int rowsPerFile, Func<long, ValueTask<TRow?>> read, CancellationToken cancel)
    {
        ParquetShard<TRow>? shard = null;
        try
        {
            while (position < positions && (shard?.RowCount ?? 0) < rowsPerFile)
            {
                cancel.ThrowIfCancellationRequested();
                if (await read(position++) is not { } row)
                    continue;
                shard ??= await ParquetShard<TRow>.CreateAsync(path, layout, rowsPerGroup, compression, cancel);
                await shard.AddAsync(row, cancel);
            }

            if (shard is not null)
                await shard.CompleteAsync(cancel);
            return (shard?.RowCount ?? 0, position);
        }
        finally
        {
            if (shard is not null)
                await shard.DisposeAsync();
        }
    }
}
