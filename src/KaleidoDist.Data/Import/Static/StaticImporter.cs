using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Turns the tab-separated static rows of the released data into <c>kaleido-static</c> Parquet files: half the bytes of the text,
/// numbers checked, rows shuffled. Restartable as every import; memory is bounded by one and a half row groups and 28 bytes a row.
/// </summary>
public static class StaticImporter
{
    private const ulong OrderKey = 1;

    /// <summary>Shards lie in the output folder itself: released files are one split each.</summary>
    private const string NoSubfolder = "";

    /// <summary>Runs an import, or goes on with one of the same source and options that was interrupted.</summary>
    /// <param name="pathOrGlob">A file, a folder of *.tsv, or a pattern; files in ordinal order of their names.</param>
    /// <param name="options">What to make of it.</param>
    /// <param name="progress">Rows done.</param>
    /// <param name="cancel">Stops between rows; complete shards stay.</param>
    /// <exception cref="KaleidoException">The source is unusable as a whole, or the output holds another data set.</exception>
    public static async Task<ImportReport> ImportAsync(
        string pathOrGlob, StaticImportOptions options, IProgress<ImportProgress>? progress = null, CancellationToken cancel = default)
    {
        ImportInputs.ValidateSizes(options.RowsPerGroup, options.RowsPerFile);
        var paths = DatasetFiles.Find(pathOrGlob, "*.tsv", "tab-separated rows").Select(f => f.Path).ToArray();
        var output = Path.GetFullPath(options.OutputFolder);
        using var journal = ImportJournal.Open(output, [NoSubfolder], Inputs(paths, options), options.Overwrite);
        using var skipped = SkipLog.Open(output, journal.SkippedBytes);
        if (!journal.State.Complete)
        {
            using var lines = StaticLines.Of(paths, progress, cancel);
            await WriteAsync(lines, pathOrGlob, options, journal, skipped, progress, cancel);
            journal.Complete(categoryCount: 0, subcategoryCount: 0, skipped.Flush());
        }
        else
        {
            journal.RemoveWork();
        }

        return new ImportReport(journal.State.RowsIn(NoSubfolder), 0, journal.Files, 0, 0, skipped.Counts, skipped.First, skipped.Count > 0 ? skipped.Path : null, null);
    }

    private static async Task WriteAsync(
        StaticLines lines, string source, StaticImportOptions options, ImportJournal journal, SkipLog skipped, IProgress<ImportProgress>? progress, CancellationToken cancel)
    {
        var variant = options.Variant ?? StaticSchema.OfColumnCount(lines.FirstColumnCount)
            ?? throw KaleidoException.Usage($"The first row of '{source}' has {lines.FirstColumnCount} columns; expected {StaticSchema.ColumnCounts}, separated by tabs.");
        var parser = new StaticRowParser(variant, options.RecomputeCamouflage, source);
        var order = Enumerable.Range(0, lines.Count).ToArray();
        if (!options.KeepOrder)
            new KeyedRandom(options.Seed, RandomPurpose.Import, OrderKey).Shuffle<int>(order);

        var shards = new ShardedOutput<StaticRow>(journal, skipped, journal.Folder, new StaticLayout(variant), options.RowsPerGroup, options.Compression);
        var rows = await shards.WriteAsync(NoSubfolder, order.Length, ShardPlan.For(lines.Count, options.RowsPerFile), ReadAsync, cancel);
        if (rows == 0)
            throw KaleidoException.Usage($"'{source}' has 0 usable rows ({skipped.Count:N0} skipped{skipped.Summary}); expected at least 1.");

        ValueTask<StaticRow?> ReadAsync(long position)
        {
            var row = order[position];
            var line = lines.Read(row);
            var (reason, detail) = (SkipReason.TooLong, $"line has more than {StaticLines.MaxRowBytes:N0} bytes");
            var parsed = line.IsTooLong ? null : parser.Parse(row, line, out reason, out detail);
            if (parsed is null)
                skipped.Add(new SkippedRow(lines.FileName(row), line.Number, reason, detail));
            progress?.Report(new ImportProgress(position + 1, lines.Count));
            return ValueTask.FromResult(parsed);
        }
    }

    private static Dictionary<string, string> Inputs(IReadOnlyList<string> paths, StaticImportOptions options)
    {
        var inputs = new Dictionary<string, string>
        {
            ["source"] = StaticLayout.SourceKind,
            ["rows"] = options.Variant is { } variant ? StaticSchema.NameOf(variant) : "as the first",
            ["camouflage positions"] = options.RecomputeCamouflage ? "recomputed" : "as they are",
            ["order"] = options.KeepOrder ? "kept" : $"seed {options.Seed.ToString(CultureInfo.InvariantCulture)}",
            ["row group rows"] = options.RowsPerGroup.ToString(CultureInfo.InvariantCulture),
            ["file rows"] = options.RowsPerFile.ToString(CultureInfo.InvariantCulture),
            ["compression"] = options.Compression.ToString(),
        };
        for (var i = 0; i < paths.Count; i++)
            inputs.Add($"file {i}", $"{Path.GetFileName(paths[i])}, {SourceFingerprint.Of(paths[i])}");
        return inputs;
    }
}
