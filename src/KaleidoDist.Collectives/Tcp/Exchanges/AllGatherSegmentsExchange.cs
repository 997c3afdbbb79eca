namespace KaleidoDist.Collectives;

/// <summary>Every rank sends its segment of the values to every other, from and into place.</summary>
internal sealed class AllGatherSegmentsExchange(int rank, int worldSize) : GatherExchange(rank, worldSize)
{
    private FloatRange values;

    /// <summary>Takes the argument of the next call.</summary>
    public void Prepare(FloatRange range)
    {
        values = range;
        Header = new CollectiveHeader(0, CollectiveKind.AllGatherSegments, ElementType.Float32, 0, range.Count);
    }

    /// <inheritdoc/>
    protected override ByteRange Rest(int owner, long moved)
    {
        var segment = Segments.Of(values, owner, WorldSize);
        return ByteRange.Of(segment, moved, segment.ByteCount);
    }
}
