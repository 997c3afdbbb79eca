using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Turns a source into a data set: products split into training and validation, rows shuffled (windowed shuffles of an epoch then
/// suffice), categories numbered, files of equal size. The same source, options and libraries give the same bytes, however often the
/// import was interrupted.
/// </summary>
/// <remarks>
/// 1. Open the journal of the output folder: begin, go on, or refuse. 2. Scan the rows: texts to a work file, 17 bytes a row to memory.
/// 3. Unpack the pictures of an archive that has no random access. 4. For each split, in the order of the shuffle: read the row and
/// its picture, convert on all cores, write. Memory is bounded by one and a half row groups, a few pictures a core and the index of step 2.
/// </remarks>
public static class DatasetImporter
{
    private const ulong OrderKey = 1;
    private const ulong SplitKey = 2;

    /// <summary>Rows between two reports of progress while scanning.</summary>
    private const int ScanReportRows = 1000;

    /// <summary>Largest picture file, in bytes.</summary>
    public const long MaxPictureBytes = 64L << 20;

    /// <summary>Runs an import, or goes on with one of the same source and options that was interrupted.</summary>
    /// <exception cref="KaleidoException">The source is missing or unusable as a whole, or the output holds another data set.</exception>
    public static async Task<ImportReport> ImportAsync(
        ImportSource source, ImportOptions options, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        ImportInputs.Validate(options);

        // 1.
        var output = Path.GetFullPath(options.OutputFolder);
        using var journal = ImportJournal.Open(output, [.. DataSplits.All.Select(s => s.FolderName())], ImportInputs.Of(source, options), options.Overwrite);
        using var skipped = SkipLog.Open(output, journal.SkippedBytes);
        if (journal.State.Complete)
        {
            journal.RemoveWork();
            return Report(journal, skipped);
        }

        // 2. Rows that were skipped here are in the log already when there is a shard.
        var resumes = journal.State.Shards.Count > 0;
        var categories = new CategoryNumbers();
        var index = new RowIndex();
        var wanted = new HashSet<UInt128>();
        using var spool = new RowSpool(journal.WorkFolder);
        Scan(source, options, resumes ? _ => { } : skipped.Add, spool, index, categories, wanted, progress, cancel);
        if (index.Count == 0)
            throw KaleidoException.Usage($"'{source.RowsName}' has 0 usable rows ({skipped.Count:N0} skipped{skipped.Summary}); expected at least 1.");
        categories.Complete();

        // 3.
        await source.PrepareAsync(new ImportPreparation(journal.WorkFolder, options.Pictures, name => wanted.Contains(RowIndex.Hash(name)), progress), cancel);

        // 4.
        var order = Enumerable.Range(0, index.Count).ToArray();
        new KeyedRandom(options.Seed, RandomPurpose.Import, OrderKey).Shuffle<int>(order);
        var boxes = new ForegroundTally();
        var shards = new ShardedOutput<RawRecord>(journal, skipped, output, ImportInputs.Layout(source), options.RowsPerGroup, options.Compression, boxes);
        var counts = new long[DataSplits.All.Count];
        long done = 0;
        foreach (var split in DataSplits.All)
        {
            var start = (int)(journal.State.Shards.LastOrDefault(s => s.Folder == split.FolderName())?.Next ?? 0);
            done += order.Take(start).Count(row => index.Split(row) == split);
            await using var records = new RecordReader(
                source, options.Pictures, spool, index, categories, order.Skip(start).Where(row => index.Split(row) == split), skipped.Add, boxes);
            counts[(int)split] = await shards.WriteAsync(split.FolderName(), order.Length, ShardPlan.For(index.CountOf(split), options.RowsPerFile), ReadAsync, cancel);

            async ValueTask<RawRecord?> ReadAsync(long position)
            {
                if (index.Split(order[position]) != split)
                    return null;
                var record = await records.NextAsync(cancel);
                done++;
                progress?.Report(new ImportProgress(done, index.Count));
                return record;
            }
        }

        if (counts[(int)DataSplit.Train] == 0)
            throw KaleidoException.Usage($"No row of '{source.RowsName}' could be imported for training ({skipped.Count:N0} skipped{skipped.Summary}); expected at least 1.");
        journal.Complete(categories.CategoryCount, categories.SubcategoryCount, skipped.Flush());
        return Report(journal, skipped);
    }

    private static void Scan(
        ImportSource source, ImportOptions options, Action<SkippedRow> skip, RowSpool spool, RowIndex index, CategoryNumbers categories,
        HashSet<UInt128> wanted, IProgress<ImportProgress>? progress, CancellationToken cancel)
    {
        foreach (var row in source.ReadRows(skip))
        {
            cancel.ThrowIfCancellationRequested();
            if (categories.Add(row, out var problem) is not { } pair)
            {
                skip(new SkippedRow(Path.GetFileName(source.RowsName), row.Line, SkipReason.CategoryNumber, problem));
                continue;
            }

            index.Add(spool.Add(row), row.ProductId, pair, row.Split ?? SplitOf(row.ProductId, options));
            if (source.Unpacks)
                wanted.Add(RowIndex.Hash(row.Image));
            if (index.Count % ScanReportRows == 0)
                progress?.Report(new ImportProgress(index.Count, 0, ImportPhase.Scanning));
        }
    }

    /// <summary>What all pictures of a product are for: a function of the seed and the product alone.</summary>
    private static DataSplit SplitOf(string productId, ImportOptions options)
    {
        var hash = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(productId)));
        return new KeyedRandom(options.Seed, RandomPurpose.Import, SplitKey, hash).NextDouble() < options.ValidationShare ? DataSplit.Valid : DataSplit.Train;
    }

    private static ImportReport Report(ImportJournal journal, SkipLog skipped)
    {
        var state = journal.State;
        return new ImportReport(
            state.RowsIn(DataSplit.Train.FolderName()),
            state.RowsIn(DataSplit.Valid.FolderName()),
            journal.Files,
            state.CategoryCount,
            state.SubcategoryCount,
            skipped.Counts,
            skipped.First,
            skipped.Count > 0 ? skipped.Path : null,
            state.Boxes());
    }
}
