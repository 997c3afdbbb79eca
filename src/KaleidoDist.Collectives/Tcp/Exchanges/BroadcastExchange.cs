namespace KaleidoDist.Collectives;

/// <summary>
/// Scatter and all-gather: the root sends each rank its segment and its own; every rank passes its segment on to the others as it
/// arrives. So the root sends about twice the data, however many ranks there are.
/// </summary>
internal sealed class BroadcastExchange(int rank, int worldSize) : Exchange
{
    private readonly long[] sent = new long[worldSize];
    private readonly long[] received = new long[worldSize];

    private FloatRange values;
    private int root;

    private long OwnBytesReceived => Math.Min(received[root], Segment(rank).ByteCount);

    /// <summary>Takes the arguments of the next call.</summary>
    public void Prepare(FloatRange range, int from)
    {
        values = range;
        root = from;
        Header = new CollectiveHeader(0, CollectiveKind.Broadcast, ElementType.Float32, from, range.Count);
    }

    /// <inheritdoc/>
    public override void Begin()
    {
        Array.Clear(sent);
        Array.Clear(received);
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer)
    {
        if (rank == root)
            return Scattered(peer, sent[peer]);
        return peer == root ? ByteRange.Empty : ByteRange.Of(Segment(rank), sent[peer], OwnBytesReceived);
    }

    /// <inheritdoc/>
    public override void Sent(int peer, long byteCount) => sent[peer] += byteCount;

    /// <inheritdoc/>
    public override ByteRange Incoming(int peer)
    {
        if (rank == root)
            return ByteRange.Empty;
        return peer == root ? Scattered(rank, received[peer]) : ByteRange.Of(Segment(peer), received[peer], Segment(peer).ByteCount);
    }

    /// <inheritdoc/>
    public override void Received(int peer, long byteCount) => received[peer] += byteCount;

    /// <inheritdoc/>
    public override bool IsDoneWith(int peer)
        => sent[peer] == BytesBetween(rank, peer) && received[peer] == BytesBetween(peer, rank);

    /// <inheritdoc/>
    public override Debt DebtOf(int peer)
    {
        if (IsDoneWith(peer))
            return Debt.None;
        // The root has everything, and to take what the root sends waits for nobody; what others pass on waits for the root.
        return peer == root || rank == root ? Debt.Own : Debt.Dependent;
    }

    private FloatRange Segment(int owner) => Segments.Of(values, owner, sent.Length);

    /// <summary>The stream from the root to a rank at <paramref name="position"/>: the rank's segment, then the root's.</summary>
    private ByteRange Scattered(int to, long position)
    {
        var first = Segment(to);
        return position < first.ByteCount
            ? ByteRange.Of(first, position, first.ByteCount)
            : ByteRange.Of(Segment(root), position - first.ByteCount, Segment(root).ByteCount);
    }

    private long BytesBetween(int from, int to)
    {
        if (from == root)
            return Segment(to).ByteCount + Segment(root).ByteCount;
        return to == root ? 0 : Segment(from).ByteCount;
    }
}
