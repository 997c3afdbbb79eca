namespace KaleidoDist.Collectives;

/// <summary>
/// The segment rule: N values are cut into one segment per rank, which that rank finishes for all. Segments are about N / W long, begin
/// at a cache line (16 float32) and tile the values in order of ranks; of few values some segments are empty.
/// </summary>
public static class Segments
{
    private const int AlignmentCount = 16;

    /// <summary>The segment of <paramref name="rank"/> in <paramref name="values"/>.</summary>
    public static FloatRange Of(FloatRange values, int rank, int worldSize)
    {
        var (start, count) = Of(values.Count, rank, worldSize);
        return values.Slice(start, count);
    }

    /// <summary>Where the segment of <paramref name="rank"/> begins among <paramref name="valueCount"/> values, and how long it is.</summary>
    public static (long Start, long Count) Of(long valueCount, int rank, int worldSize)
    {
        var start = Boundary(valueCount, rank, worldSize);
        return (start, Boundary(valueCount, rank + 1, worldSize) - start);
    }

    private static long Boundary(long count, int rank, int worldSize)
        => rank == worldSize ? count : Math.Min(count, (count / worldSize * rank + AlignmentCount - 1) / AlignmentCount * AlignmentCount);
}
