namespace KaleidoDist.Collectives;

/// <summary>Cuts the values of a collective into one segment per rank, which that rank finishes for all.</summary>
internal static class Segments
{
    /// <summary>Segments begin at a cache line: 16 float32.</summary>
    private const int AlignmentCount = 16;

    /// <summary>The segment of <paramref name="rank"/>; the segments of all ranks tile the values, and some may be empty.</summary>
    public static FloatRange Of(FloatRange values, int rank, int worldSize)
    {
        var start = Boundary(values.Count, rank, worldSize);
        return values.Slice(start, Boundary(values.Count, rank + 1, worldSize) - start);
    }

    private static long Boundary(long count, int rank, int worldSize)
        => rank == worldSize ? count : Math.Min(count, (count / worldSize * rank + AlignmentCount - 1) / AlignmentCount * AlignmentCount);
}
