namespace KaleidoDist.Collectives;

/// <summary>What a peer still has to do in a collective, as far as this rank is concerned.</summary>
internal enum Debt
{
    /// <summary>Nothing that this rank waits for.</summary>
    None,

    /// <summary>Something it may be unable to do before others have done theirs: silence proves nothing against it.</summary>
    Dependent,

    /// <summary>Data of its own, which waits for nobody: if it is silent, it is the culprit.</summary>
    Own,
}

/// <summary>
/// One kind of collective, as the bytes it moves between this rank and each peer. The mesh asks what can be sent to or received from a
/// peer now, moves some of it, and says how much; the exchange knows no sockets. Receiving never depends on sending, and each peer's own
/// data on nothing at all: so no order of events and no socket buffer size can lock the ranks up.
/// </summary>
internal abstract class Exchange
{
    /// <summary>What this call is; the mesh adds the sequence number.</summary>
    public CollectiveHeader Header { get; protected set; }

    /// <summary>Starts over with what was prepared for this call.</summary>
    public abstract void Begin();

    /// <summary>True when nothing is left that needs no peer.</summary>
    public virtual bool IsLocalWorkDone => true;

    /// <summary>Does a little of the work that needs no peer, so that the mesh can look at its connections in between.</summary>
    /// <returns>False when there was none.</returns>
    public virtual bool Advance() => false;

    /// <summary>The bytes that can go to <paramref name="peer"/> now; empty when there are none yet, or none any more.</summary>
    public abstract ByteRange Outgoing(int peer);

    /// <summary>The first <paramref name="byteCount"/> of the outgoing bytes were taken by the socket.</summary>
    public abstract void Sent(int peer, long byteCount);

    /// <summary>Where bytes from <paramref name="peer"/> go now; empty when it must wait, or is done.</summary>
    public abstract ByteRange Incoming(int peer);

    /// <summary>The first <paramref name="byteCount"/> of the incoming bytes have arrived.</summary>
    public abstract void Received(int peer, long byteCount);

    /// <summary>True when nothing more moves between this rank and <paramref name="peer"/> in either direction.</summary>
    public abstract bool IsDoneWith(int peer);

    /// <summary>What <paramref name="peer"/> owes this rank.</summary>
    public abstract Debt DebtOf(int peer);
}
