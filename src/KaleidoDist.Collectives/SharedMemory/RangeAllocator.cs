namespace KaleidoDist.Collectives;

/// <summary>
/// Hands out ranges of [start, end), first fit; what comes back merges with its free neighbours. Knows numbers only. Not thread-safe.
/// </summary>
internal sealed class RangeAllocator
{
    private readonly SortedList<long, long> free = []; // Start to length; no two touch.
    private readonly Dictionary<long, long> used = []; // Start to length.

    /// <summary>All of [<paramref name="start"/>, <paramref name="end"/>) is free.</summary>
    public RangeAllocator(long start, long end)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, end);
        if (end > start)
            free.Add(start, end - start);
    }

    /// <summary>Number of free ranges that do not touch.</summary>
    public int FreeRangeCount => free.Count;

    /// <summary>Takes <paramref name="length"/> from the first free range that has them at a multiple of <paramref name="alignment"/>.</summary>
    /// <returns>Where they begin; -1 when no range is long enough.</returns>
    public long Take(long length, long alignment)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        foreach (var (start, available) in free)
        {
            var taken = (start + alignment - 1) / alignment * alignment;
            var rest = start + available - (taken + length);
            if (rest < 0)
                continue;
            free.Remove(start);
            if (taken > start)
                free.Add(start, taken - start);
            if (rest > 0)
                free.Add(taken + length, rest);
            used.Add(taken, length);
            return taken;
        }

        return -1;
    }

    /// <summary>Takes a range back.</summary>
    public void Return(long start)
    {
        if (!used.Remove(start, out var length))
            throw new InvalidOperationException($"No range begins at {start}; expected one that was taken and not returned yet.");
        var (first, end) = (start, start + length);
        if (free.Remove(end, out var following))
            end += following;
        foreach (var (before, available) in free)
        {
            if (before + available != start)
                continue;
            free.Remove(before);
            first = before;
            break;
        }

        free.Add(first, end - first);
    }
}
