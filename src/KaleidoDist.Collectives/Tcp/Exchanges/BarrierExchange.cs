namespace KaleidoDist.Collectives;

/// <summary>No data at all: that every rank has sent and received every header is the barrier.</summary>
internal sealed class BarrierExchange : Exchange
{
    /// <summary>The one exchange there is; it holds no state.</summary>
    public BarrierExchange() => Header = new CollectiveHeader(0, CollectiveKind.Barrier, ElementType.None, 0, 0);

    /// <inheritdoc/>
    public override void Begin()
    {
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer) => ByteRange.Empty;

    /// <inheritdoc/>
    public override void Sent(int peer, long byteCount)
    {
    }

    /// <inheritdoc/>
    public override ByteRange Incoming(int peer) => ByteRange.Empty;

    /// <inheritdoc/>
    public override void Received(int peer, long byteCount)
    {
    }

    /// <inheritdoc/>
    public override bool IsDoneWith(int peer) => true;

    /// <inheritdoc/>
    public override Debt DebtOf(int peer) => Debt.None;
}
