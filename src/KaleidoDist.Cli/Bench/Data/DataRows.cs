using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>The rows that every stage handles: whole row groups from the front of a data set, in memory, several times over where there are few.</summary>
/// <param name="Manifest">The data set.</param>
/// <param name="Groups">The row groups.</param>
/// <param name="Passes">How often a turn goes through them.</param>
internal sealed record DataRows(DatasetManifest Manifest, IReadOnlyList<RowGroup> Groups, int Passes)
{
    /// <summary>Rows of one pass.</summary>
    internal int PassRows { get; } = Groups.Sum(group => group.Rows.Count);

    /// <summary>Rows of a turn.</summary>
    internal int Count => PassRows * Passes;

    /// <summary>Reads row groups until there are enough rows.</summary>
    internal static async Task<DataRows> ReadAsync(DatasetManifest manifest, int rows, CancellationToken cancellation)
    {
        var table = new RowGroupTable(manifest);
        await using var reader = new RowGroupReader(manifest, table, groupCapacity: 1);
        var groups = new List<RowGroup>();
        var count = 0;
        for (long group = 0; group < table.GroupCount && count < rows; group++)
        {
            groups.Add(await reader.ReadAsync(group, cancellation));
            count += groups[^1].Rows.Count;
        }

        return new DataRows(manifest, groups, (rows + count - 1) / count);
    }

    /// <summary>Writes the pictures for a peer: each behind its length.</summary>
    internal void WritePictures(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        foreach (var row in Groups.SelectMany(group => group.Rows))
        {
            writer.Write(row.Image.Length);
            writer.Write(row.Image.Span);
        }
    }
}
