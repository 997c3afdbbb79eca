namespace KaleidoDist.Collectives;

/// <summary>Every rank sends its part of the whole to every other: the bookkeeping of all gathers, whatever their parts are and where they lie.</summary>
internal abstract class GatherExchange(int rank, int worldSize) : Exchange
{
    private readonly long[] sent = new long[worldSize];
    private readonly long[] received = new long[worldSize];

    /// <summary>This rank.</summary>
    protected int Rank { get; } = rank;

    /// <summary>Number of ranks.</summary>
    protected int WorldSize { get; } = worldSize;

    /// <inheritdoc/>
    public override void Begin()
    {
        Array.Clear(sent);
        Array.Clear(received);
    }

    /// <inheritdoc/>
    public override ByteRange Outgoing(int peer) => Rest(Rank, sent[peer]);

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

    /// <summary>The part of rank <paramref name="owner"/>, from its byte <paramref name="moved"/> on.</summary>
    protected abstract ByteRange Rest(int owner, long moved);
}
