using System.Text;

namespace KaleidoDist.Data.Tests;

/// <summary>What an import left behind, for comparison: names and bytes of the shards and of the list of skipped rows.</summary>
internal static class ImportFolder
{
    public static IReadOnlyDictionary<string, string> Contents(string folder)
        => Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => f.EndsWith(".parquet", StringComparison.Ordinal) || Path.GetFileName(f) == "skipped.jsonl")
            .ToDictionary(f => Path.GetRelativePath(folder, f), f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))));

    public static async Task<List<RawRow>> RowsAsync(string path)
    {
        var manifest = DatasetIndexer.Index(path);
        var table = new RowGroupTable(manifest);
        await using var reader = new RowGroupReader(manifest, table, 1);
        var rows = new List<RawRow>();
        for (long group = 0; group < table.GroupCount; group++)
            rows.AddRange((await reader.ReadAsync(group)).Rows);
        return rows;
    }

    public static string Separated(params string[] columns) => string.Join('\u0001', columns);

    public static byte[] Latin1(string text) => Encoding.Latin1.GetBytes(text);
}
