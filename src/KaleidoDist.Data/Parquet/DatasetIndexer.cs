using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Opens every file of a data set once and notes what is in it. The result is enough to compute the samples of any step, and to tell
/// later whether a file is still the same.
/// </summary>
public static class DatasetIndexer
{
    /// <summary>Largest row group in bytes: a rank holds several in memory.</summary>
    public const long MaxRowGroupBytes = 1L << 30;

    /// <summary>Most rows of a row group: far above any useful one, it keeps a damaged count from asking for the whole memory.</summary>
    public const int MaxRowGroupRows = 1 << 20;

    /// <summary>Indexes a data set.</summary>
    /// <param name="pathOrGlob">A Parquet file, a folder of them, or a pattern such as <c>data/train/*.parquet</c>.</param>
    /// <param name="cancel">Stops between files.</param>
    /// <returns>The manifest; paths are absolute, files in ordinal order of their names.</returns>
    /// <exception cref="KaleidoException">No file matches, or one is truncated, damaged, empty, or of another schema (exit code 2).</exception>
    public static async Task<DatasetManifest> IndexAsync(string pathOrGlob, CancellationToken cancel = default)
    {
        var named = DatasetFiles.Find(pathOrGlob);
        var files = new List<DatasetFile>(named.Count);
        (string Path, string Schema, BankProperties? Bank)? first = null;
        foreach (var (path, _) in named)
        {
            cancel.ThrowIfCancellationRequested();
            await using var file = await ShardFile.OpenAsync(path, cancel);
            first ??= (path, file.Schema, file.Bank);
            CheckSame(first.Value, file);
            files.Add(new DatasetFile(path, file.Footer.FileBytes, RowGroups(file), file.Footer.Sha256));
        }

        var rows = files.Sum(f => f.RowGroups.Sum(r => r.Count * r.Rows));
        var (_, schema, bank) = first!.Value;
        return new DatasetManifest(Fingerprint(schema, named, files), rows, files, schema, bank?.FeatureSize ?? 0);
    }

    /// <summary><see cref="IndexAsync"/> for callers that have nothing else to do.</summary>
    /// <inheritdoc cref="IndexAsync"/>
    public static DatasetManifest Index(string pathOrGlob, CancellationToken cancel = default)
        => Task.Run(() => IndexAsync(pathOrGlob, cancel), cancel).GetAwaiter().GetResult();

    private static void CheckSame((string Path, string Schema, BankProperties? Bank) first, ShardFile file)
    {
        if (file.Schema != first.Schema)
            throw KaleidoException.Usage($"'{file.Path}' is of schema {file.Schema} and '{first.Path}' of {first.Schema}; expected one schema in a data set. Narrow the pattern, or keep banks in a folder of their own.");
        if (file.Bank != first.Bank)
            throw KaleidoException.Usage($"'{file.Path}' was made by {file.Bank} and '{first.Path}' by {first.Bank}; expected the same of all files of a data set. Narrow the pattern, or extract the bank again.");
    }

    private static List<RowGroupRun> RowGroups(ShardFile file)
    {
        var runs = new List<RowGroupRun>();
        for (var index = 0; index < file.Reader.RowGroupCount; index++)
        {
            var group = file.Reader.RowGroups[index].RowGroup;
            if (group.NumRows < 1)
                throw KaleidoException.Usage($"Row group {index} of '{file.Path}' has {group.NumRows} rows; expected at least 1. Write the file again with 'kaleido data import'.");
            if (group.TotalByteSize > MaxRowGroupBytes || group.NumRows > MaxRowGroupRows)
                throw KaleidoException.Usage($"Row group {index} of '{file.Path}' has {group.NumRows:N0} rows and {group.TotalByteSize:N0} bytes; expected at most {MaxRowGroupRows:N0} rows and {MaxRowGroupBytes:N0} bytes. Write smaller row groups.");
            if (runs.Count > 0 && runs[^1].Rows == group.NumRows)
                runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            else
                runs.Add(new RowGroupRun(1, group.NumRows));
        }

        return runs.Count > 0
            ? runs
            : throw KaleidoException.Usage($"'{file.Path}' has 0 rows; expected at least 1. Remove it from the data set or import it again.");
    }

    /// <summary>Over what the order of samples and their content depend on; folders are left out, so that a data set may be moved.</summary>
    private static string Fingerprint(string schema, IReadOnlyList<NamedFile> named, List<DatasetFile> files)
    {
        var text = new StringBuilder(schema).Append('\n');
        foreach (var (name, file) in named.Select(n => n.Name).Zip(files))
        {
            text.Append(name).Append('\0').Append(file.Bytes).Append('\0').Append(file.FooterSha256);
            foreach (var run in file.RowGroups)
                text.Append('\0').Append(run.Count).Append('x').Append(run.Rows);
            text.Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
