namespace KaleidoDist.Data;

/// <summary>A shard that is complete.</summary>
/// <param name="Folder">Folder below the output.</param>
/// <param name="File">Name in it.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="Bytes">Size.</param>
/// <param name="FooterSha256">Hash of its Parquet footer.</param>
/// <param name="Next">Position in the order of rows at which the next shard begins.</param>
/// <param name="SkippedBytes">Length of the list of skipped rows when it was complete.</param>
/// <param name="Boxes">How the boxes of its pictures will be found; null where it has no pictures, or an earlier version wrote it.</param>
internal sealed record CompleteShard(
    string Folder, string File, long Rows, long Bytes, string FooterSha256, long Next, long SkippedBytes, ForegroundWays? Boxes = null);

/// <summary>What <c>import.json</c> says: what is being imported, and how far it is.</summary>
internal sealed record ImportState
{
    /// <summary>Version of this file.</summary>
    public const int CurrentFormat = 1;

    /// <summary>Version of the file read.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>Options and sources by name: everything the result depends on.</summary>
    public required IReadOnlyDictionary<string, string> Inputs { get; init; }

    /// <summary>Shards that are complete, in the order they were written.</summary>
    public IReadOnlyList<CompleteShard> Shards { get; init; } = [];

    /// <summary>Whether the import ended.</summary>
    public bool Complete { get; init; }

    /// <summary>Distinct categories, known at the end.</summary>
    public int CategoryCount { get; init; }

    /// <summary>Distinct pairs of category and sub-category, known at the end.</summary>
    public int SubcategoryCount { get; init; }

    /// <summary>Length of the list of skipped rows, known at the end.</summary>
    public long SkippedBytes { get; init; }

    /// <summary>Rows of the shards in a folder.</summary>
    public long RowsIn(string folder) => Shards.Where(s => s.Folder == folder).Sum(s => s.Rows);

    /// <summary>How boxes will be found in all of them; null where one does not say.</summary>
    public ForegroundWays? Boxes() => Shards.Count == 0 ? null : Shards.Select(s => s.Boxes).Aggregate((a, b) => a is null || b is null ? null : a + b);

    /// <summary>The first input that differs, in words; null when they are all the same.</summary>
    public static string? Difference(IReadOnlyDictionary<string, string> begun, IReadOnlyDictionary<string, string> now)
    {
        foreach (var name in begun.Keys.Union(now.Keys))
        {
            var (before, after) = (begun.GetValueOrDefault(name, "none"), now.GetValueOrDefault(name, "none"));
            if (before != after)
                return $"{name} was '{before}' and is '{after}' now";
        }

        return null;
    }
}
