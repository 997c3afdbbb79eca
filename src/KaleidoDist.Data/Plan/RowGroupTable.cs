using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Where a row group is and which samples it holds.</summary>
/// <param name="File">Index of the file in the manifest.</param>
/// <param name="GroupInFile">Index of the row group in its file.</param>
/// <param name="RowCount">Rows.</param>
/// <param name="FirstSample">Sample index of its first row.</param>
public readonly record struct RowGroupLocation(int File, int GroupInFile, int RowCount, long FirstSample);

/// <summary>
/// All row groups of a data set, counted in manifest order. Memory grows with the runs of equal row groups, not with row groups or
/// rows; look-ups are binary searches over the runs.
/// </summary>
public sealed class RowGroupTable
{
    private readonly Run[] runs;
    private readonly long[] firstGroups;

    /// <summary>Counts the row groups of a manifest.</summary>
    /// <exception cref="KaleidoException">A row group without rows, or none at all.</exception>
    public RowGroupTable(DatasetManifest manifest)
    {
        var list = new List<Run>();
        long group = 0, sample = 0;
        for (var file = 0; file < manifest.Files.Count; file++)
        {
            long groupInFile = 0;
            foreach (var (count, rows) in manifest.Files[file].RowGroups)
            {
                if (count < 1 || rows is < 1 or > int.MaxValue)
                    throw KaleidoException.Usage($"'{manifest.Files[file].Path}' has {count} row groups of {rows} rows; expected at least 1 of at least 1.");
                list.Add(new Run(file, groupInFile, group, count, rows, sample));
                groupInFile += count;
                group += count;
                sample += checked(count * rows);
            }
        }

        if (group == 0)
            throw KaleidoException.Usage("The data set has 0 row groups; expected at least 1. Check the file pattern.");
        runs = [.. list];
        firstGroups = [.. list.Select(r => r.FirstGroup)];
        GroupCount = group;
        RowCount = sample;
        CommonRowCount = runs.GroupBy(r => r.Rows).OrderByDescending(g => g.Sum(r => r.Count)).ThenByDescending(g => g.Key).First().Key;
    }

    /// <summary>Row groups of all files.</summary>
    public long GroupCount { get; }

    /// <summary>Rows of all files, N.</summary>
    public long RowCount { get; }

    /// <summary>The row count that most row groups have (of equally common ones the largest).</summary>
    public long CommonRowCount { get; }

    /// <summary>The row groups of another size than <see cref="CommonRowCount"/>, in order, with their row counts.</summary>
    public IEnumerable<(long Group, long Rows)> Exceptions
    {
        get
        {
            foreach (var run in runs.Where(r => r.Rows != CommonRowCount))
            {
                for (long i = 0; i < run.Count; i++)
                    yield return (run.FirstGroup + i, run.Rows);
            }
        }
    }

    /// <summary>Where row group <paramref name="group"/> is.</summary>
    public RowGroupLocation Locate(long group)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(group, GroupCount);
        var found = Array.BinarySearch(firstGroups, group);
        var run = runs[found >= 0 ? found : ~found - 1];
        var index = group - run.FirstGroup;
        return new RowGroupLocation(run.File, (int)(run.FirstGroupInFile + index), (int)run.Rows, run.FirstSample + index * run.Rows);
    }

    /// <summary>The row group that holds sample <paramref name="sample"/>, and the sample's row in it.</summary>
    public SampleRef Find(long sample)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sample);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sample, RowCount);
        int low = 0, high = runs.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = runs[middle].FirstSample <= sample ? (middle, high) : (low, middle - 1);
        }

        var run = runs[low];
        var (group, row) = Math.DivRem(sample - run.FirstSample, run.Rows);
        return new SampleRef(run.FirstGroup + group, (int)row, sample);
    }

    private readonly record struct Run(int File, long FirstGroupInFile, long FirstGroup, long Count, long Rows, long FirstSample);
}
