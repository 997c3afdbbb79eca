using System.Globalization;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>
/// The folder an extraction fills: one file per row group of the source, in its order. A file appears under its name whole and durable,
/// or not at all, and is never written over: what is there is there for good.
/// </summary>
internal sealed class BankFolder
{
    private const int FewestDigits = 5;
    private const string Unfinished = ".partial";

    private readonly string folder;
    private readonly BankProperties properties;
    private readonly DatasetManifest source;
    private readonly RowGroupTable table;
    private readonly IStorage storage;
    private readonly HashSet<long> seen = [];

    /// <summary>Names the files; creates nothing yet.</summary>
    internal BankFolder(string folder, BankProperties properties, DatasetManifest source, RowGroupTable table, IStorage? storage = null)
        => (this.folder, this.properties, this.source, this.table, this.storage) = (folder, properties, source, table, storage ?? PosixStorage.Instance);

    /// <summary>The file of a row group: names have equal lengths, so that their order is the source's.</summary>
    internal string PathOf(long group)
    {
        var digits = Math.Max(FewestDigits, (table.GroupCount - 1).ToString(CultureInfo.InvariantCulture).Length);
        return Path.Combine(folder, $"part-{group.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0')}.parquet");
    }

    /// <summary>Whether a row group is there. Each file's footer is looked at once.</summary>
    /// <exception cref="KaleidoException">There is a file of this name that is something else.</exception>
    internal bool Has(long group)
    {
        if (seen.Contains(group))
            return true;
        var path = PathOf(group);
        if (!File.Exists(path))
            return false;
        var file = BankFile.Read(path);
        var (origin, rows) = (new BankOrigin(source.Fingerprint, group), table.Locate(group).RowCount);
        if (file.Properties != properties || file.Origin != origin || file.RowCounts is not [var found] || found != rows)
            throw KaleidoException.Usage(
                $"'{path}' is there already and is another bank's: made by {file.Properties?.ToString() ?? "nothing known"} from {file.Origin?.ToString() ?? "something unknown"}; "
                + $"expected {properties} from {origin} with {rows} rows. Nothing is written over: name another 'extract.output', or remove the old bank.");
        return seen.Add(group);
    }

    /// <summary>Writes a row group, unless somebody else did meanwhile: then the two are equal, byte for byte.</summary>
    /// <param name="group">The row group.</param>
    /// <param name="rows">Its rows, in order.</param>
    /// <param name="generation">The generation that writes; within one, a row group is one rank's.</param>
    internal void Write(long group, IReadOnlyList<RawRow> rows, long generation)
    {
        var path = PathOf(group);
        var partial = Path.Combine(folder, $".{Path.GetFileName(path)}.g{generation.ToString(CultureInfo.InvariantCulture)}-p{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}{Unfinished}");
        try
        {
            storage.EnsureDirectory(folder);
            WriteWhole(partial, rows, new BankOrigin(source.Fingerprint, group));
            var isOurs = storage.TryLink(partial, path);
            storage.Delete(partial);
            storage.SyncDirectory(folder);
            if (isOurs)
                seen.Add(group);
            else
                Has(group);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new KaleidoException($"'{path}' cannot be written: {error.Message} Mend '{folder}' and run the same command: it goes on with what is missing.", ExitCode.Failed, error);
        }
    }

    /// <summary>Removes what ranks of other generations began and did not finish: a file that is still being written there never gets its name.</summary>
    internal void RemoveLeftovers(long generation)
    {
        var own = $".g{generation.ToString(CultureInfo.InvariantCulture)}-";
        foreach (var entry in storage.List(folder).Where(e => e.Name.StartsWith(".part-", StringComparison.Ordinal) && e.Name.EndsWith(Unfinished, StringComparison.Ordinal) && !e.Name.Contains(own, StringComparison.Ordinal)))
            File.Delete(Path.Combine(folder, entry.Name));
    }

    private void WriteWhole(string partial, IReadOnlyList<RawRow> rows, BankOrigin origin)
    {
        File.Delete(partial); // this very process gave it up
        using var file = storage.Create(partial);
        using var stream = new StorageStream(file);
        Task.Run(async () =>
        {
            await using var writer = await BankParquetWriter.CreateAsync(stream, properties, origin);
            await writer.WriteGroupAsync(rows);
        }).GetAwaiter().GetResult();
        file.Sync();
        file.Close();
    }
}
