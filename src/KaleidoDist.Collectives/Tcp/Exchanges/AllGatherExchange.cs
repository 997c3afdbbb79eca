namespace KaleidoDist.Collectives;

/// <summary>Every rank sends its bytes to every other. Meant for small blocks (steps, hashes, votes): they pass through a buffer of its own.</summary>
internal sealed class AllGatherExchange(int rank, int worldSize) : Exchange, IDisposable
{
    private readonly long[] sent = new long[worldSize];
    private readonly long[] received = new long[worldSize];

    private NativeBuffer blocks = new(0);
    private int blockBytes;

    /// <summary>Takes the bytes of the next call.</summary>
    public void Prepare(ReadOnlySpan<byte> mine)
    {
        blockBytes = mine.Length;
        if (blocks.ByteCount < (long)blockBytes * worldSize)
        {
            blocks.Dispose();
            blocks = new NativeBuffer((long)blockBytes * worldSize);
        }

        mine.CopyTo(Block(rank));
        Header = new CollectiveHeader(0, CollectiveKind.AllGather, ElementType.UInt8, 0, blockBytes);
    }

    /// <summary>Copies the gathered blocks out.</summary>
    public void CopyTo(Span<byte> all)
    {
        for (var peer = 0; peer < worldSize; peer++)
            Block(peer).CopyTo(all[(peer * blockBytes)..]);
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
    public override bool IsDoneWith(int peer) => sent[peer] == blockBytes && received[peer] == blockBytes;

    /// <inheritdoc/>
    public override Debt DebtOf(int peer) => IsDoneWith(peer) ? Debt.None : Debt.Own;

    /// <summary>Gives the buffer back.</summary>
    public void Dispose() => blocks.Dispose();

    private Span<byte> Block(int peer) => blocks.Bytes((long)peer * blockBytes, blockBytes);

    private ByteRange Rest(int block, long moved) => new(blocks.Address + (nint)((long)block * blockBytes + moved), blockBytes - moved);
}
