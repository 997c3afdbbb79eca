namespace KaleidoDist.Collectives;

/// <summary>Every rank sends its bytes to every other. Meant for small blocks (steps, hashes, votes): they pass through a buffer of its own.</summary>
internal sealed class AllGatherExchange(int rank, int worldSize) : GatherExchange(rank, worldSize), IDisposable
{
    private NativeBuffer blocks = new(0);
    private int blockBytes;

    /// <summary>Takes the bytes of the next call.</summary>
    public void Prepare(ReadOnlySpan<byte> mine)
    {
        blockBytes = mine.Length;
        if (blocks.ByteCount < (long)blockBytes * WorldSize)
        {
            blocks.Dispose();
            blocks = new NativeBuffer((long)blockBytes * WorldSize);
        }

        mine.CopyTo(Block(Rank));
        Header = new CollectiveHeader(0, CollectiveKind.AllGather, ElementType.UInt8, 0, blockBytes);
    }

    /// <summary>Copies the gathered blocks out.</summary>
    public void CopyTo(Span<byte> all)
    {
        for (var peer = 0; peer < WorldSize; peer++)
            Block(peer).CopyTo(all[(peer * blockBytes)..]);
    }

    /// <summary>Gives the buffer back.</summary>
    public void Dispose() => blocks.Dispose();

    private Span<byte> Block(int peer) => blocks.Bytes((long)peer * blockBytes, blockBytes);

    /// <inheritdoc/>
    protected override ByteRange Rest(int owner, long moved) => new(blocks.Address + (nint)((long)owner * blockBytes + moved), blockBytes - moved);
}
