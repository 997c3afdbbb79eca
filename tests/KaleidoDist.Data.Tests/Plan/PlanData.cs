using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

/// <summary>Manifests made of row-group sizes alone: the plan opens no files.</summary>
internal static class PlanData
{
    /// <summary>One file for each array of row-group sizes.</summary>
    public static DatasetManifest Manifest(params long[][] files) => new(
        "fingerprint",
        files.Sum(f => f.Sum()),
        [.. files.Select((sizes, i) => new DatasetFile($"/data/part-{i:00}.parquet", 1, [.. Runs(sizes)], $"footer{i}"))],
        "kaleido-raw");

    /// <summary>Many files of many row groups of 1,000 rows, the last one of each file of another size.</summary>
    public static DatasetManifest Manifest(int fileCount, int groupsPerFile)
    {
        var files = Enumerable.Range(0, fileCount)
            .Select(i => new DatasetFile($"/data/part-{i:00000}.parquet", 1, [new(groupsPerFile - 1, 1_000), new(1, 1 + i * 7 % 999)], $"footer{i}"))
            .ToArray();
        return new DatasetManifest("fingerprint", files.Sum(f => f.RowGroups.Sum(r => r.Count * r.Rows)), files, "kaleido-raw");
    }

    private static IEnumerable<RowGroupRun> Runs(long[] sizes)
    {
        for (var i = 0; i < sizes.Length;)
        {
            var count = sizes.Skip(i).TakeWhile(s => s == sizes[i]).Count();
            yield return new RowGroupRun(count, sizes[i]);
            i += count;
        }
    }
}
