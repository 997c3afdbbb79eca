using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>
/// Connected components of a mask, where pixels up to two apart are connected (3 x 3 closing of one-pixel gaps). Works on runs: stretches
/// of a row whose gaps are of one pixel. As every column of a run has a pixel within one, two runs of rows up to two apart are connected
/// exactly when their columns come within two.
/// </summary>
internal static class Components
{
    private const int Reach = 2;

    /// <summary>Bounding box of all components of at least <paramref name="minArea"/> pixels; null when there is none.</summary>
    public static PixelBox? BoundingBox(ReadOnlySpan<bool> mask, int width, int height, int minArea)
    {
        // Runs of a row lie at least three columns apart, from the first pixel of one to that of the next.
        var most = (width + Reach) / (Reach + 1) * height;
        var rented = ArrayPool<Run>.Shared.Rent(most);
        try
        {
            return Bound(rented.AsSpan(0, Connect(mask, width, height, rented)), minArea);
        }
        finally
        {
            ArrayPool<Run>.Shared.Return(rented);
        }
    }

    private static int Connect(ReadOnlySpan<bool> mask, int width, int height, Span<Run> runs)
    {
        // Where the runs of the row two above, of the row above and of this row begin.
        var (twoAbove, above, count) = (0, 0, 0);
        for (var y = 0; y < height; y++)
        {
            var first = count;
            count = AddRuns(mask.Slice(y * width, width), y, runs, count);
            Join(runs, twoAbove..above, first..count);
            Join(runs, above..first, first..count);
            (twoAbove, above) = (above, first);
        }

        return count;
    }

    private static int AddRuns(ReadOnlySpan<bool> row, int y, Span<Run> runs, int count)
    {
        for (var x = 0; x < row.Length;)
        {
            var skipped = row[x..].IndexOf(true);
            if (skipped < 0)
                break;
            var start = x + skipped;
            var length = row[start..].IndexOf(false);
            var end = length < 0 ? row.Length : start + length;
            if (count > 0 && runs[count - 1] is { } last && last.Y == y && start < last.End + Reach)
                runs[count - 1] = last with { End = end, Area = last.Area + end - start };
            else
                runs[count] = new Run(start, end, y, end - start, count++);
            x = end;
        }

        return count;
    }

    // Two ascending rows of runs, as in a merge.
    private static void Join(Span<Run> runs, Range upper, Range lower)
    {
        var i = upper.Start.Value;
        for (var j = lower.Start.Value; j < lower.End.Value; j++)
        {
            while (i < upper.End.Value && runs[i].End + Reach <= runs[j].Start)
                i++;
            for (var k = i; k < upper.End.Value && runs[k].Start < runs[j].End + Reach; k++)
                Join(runs, k, j);
        }
    }

    private static PixelBox? Bound(Span<Run> runs, int minArea)
    {
        int left = int.MaxValue, top = int.MaxValue, right = -1, bottom = -1;
        for (var i = 0; i < runs.Length; i++)
        {
            var run = runs[i];
            if (runs[Root(runs, i)].Area < minArea)
                continue;
            (left, right) = (Math.Min(left, run.Start), Math.Max(right, run.End));
            (top, bottom) = (Math.Min(top, run.Y), Math.Max(bottom, run.Y + 1));
        }

        return right < 0 ? null : new PixelBox(left, top, right, bottom);
    }

    // The first run of a component is its root and holds its area.
    private static void Join(Span<Run> runs, int a, int b)
    {
        var (rootA, rootB) = (Root(runs, a), Root(runs, b));
        if (rootA == rootB)
            return;
        var (first, second) = rootA < rootB ? (rootA, rootB) : (rootB, rootA);
        runs[second] = runs[second] with { Parent = first };
        runs[first] = runs[first] with { Area = runs[first].Area + runs[second].Area };
    }

    private static int Root(Span<Run> runs, int run)
    {
        while (runs[run].Parent != run)
        {
            var grandparent = runs[runs[run].Parent].Parent;
            runs[run] = runs[run] with { Parent = grandparent };
            run = grandparent;
        }

        return run;
    }

    /// <param name="Start">First column.</param>
    /// <param name="End">One past the last column.</param>
    /// <param name="Y">Row.</param>
    /// <param name="Area">Pixels, gaps left out; of a root those of its component.</param>
    /// <param name="Parent">Index of a run of the same component, never a later one.</param>
    private readonly record struct Run(int Start, int End, int Y, int Area, int Parent);
}
