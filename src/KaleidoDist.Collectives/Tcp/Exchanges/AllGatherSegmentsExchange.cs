namespace KaleidoDist.Collectives;

/// <summary>Every rank sends its segment of the values to every other, from and into place.</summary>
internal sealed class AllGatherSegmentsExchange(int rank, int worldSize) : Exchange
{
    private readonly long[] sent = new long[worldSize];
    private readonly long[] received = new long[worldSize];

    private FloatRange values;

    /// <summary>Takes the argument of the next call.</summary>
    public void Prepare(FloatRange range)
    {
        values = range;
        Header = new CollectiveHeader(0, CollectiveKind.AllGatherSegments, ElementType.Float32, 0, range.Count);
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        Array.Clear(sent);
        Array.Clear(received);
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer) => Rest(rank, sent[peer]);

    /// <inheritdoc/>
    public override void Sent(int peer, long byteCount) => sent[peer] += byteCount;

    /// <inheritdoc/>
    public override ByteRange Incoming(int peer) => Rest(peer, received[peer]);

    /// <inheritdoc/>
    public override void Received(int peer, long byteCount) => received[peer] += byteCount;

    /// <inheritdoc/>
    public override bool IsDoneWith(int peer) => Outgoing(peer).IsEmpty && Incoming(peer).IsEmpty;

    /// <inheritdoc/>
    public override Debt DebtOf(int peer) => IsDoneWith(peer) ? Debt.None : Debt.Own;

    private ByteRange Rest(int owner, long moved)
    {
        var segment = Segments.Of(values, owner, worldSize);
        return ByteRange.Of(segment, moved, segment.ByteCount);
    }
}
