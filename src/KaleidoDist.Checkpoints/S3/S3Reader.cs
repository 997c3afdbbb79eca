namespace KaleidoDist.Checkpoints;

/// <summary>
/// An object that is read at any place, in blocks. Who reads on from where a block ended is read ahead of: blocks grow to their full size, and the next one
/// is fetched while this one is used. A look at a header costs one small block.
/// </summary>
internal sealed class S3Reader(S3Requests requests, S3Address at, long length, int readAheadBytes) : IStorageReader
{
    private const int FirstBlockBytes = 256 << 10;
    private const int Growth = 4;

    private Block current = new(0, []);
    private Task<Block>? next;
    private int blockBytes = FirstBlockBytes;

    /// <inheritdoc/>
    public long Length => length;

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        if (offset >= length || buffer.IsEmpty)
            return 0;
        if (!current.Contains(offset))
            current = Fetch(offset).GetAwaiter().GetResult();
        var from = current.Bytes.AsSpan((int)(offset - current.Start));
        var count = Math.Min(from.Length, buffer.Length);
        from[..count].CopyTo(buffer);
        return count;
    }

    /// <summary>Waits for what is on its way.</summary>
    public void Dispose() => next?.ContinueWith(_ => { }, TaskScheduler.Default).Wait();

    private async Task<Block> Fetch(long offset)
    {
        var goesOn = offset == current.End && offset > 0;
        if (!goesOn)
        {
            blockBytes = FirstBlockBytes;
            return await FetchAsync(offset, blockBytes).ConfigureAwait(false);
        }

        blockBytes = Math.Min(blockBytes * Growth, readAheadBytes);
        var ahead = next;
        next = null;
        var block = ahead is null ? await FetchAsync(offset, blockBytes).ConfigureAwait(false) : await ahead.ConfigureAwait(false);
        if (block.Start != offset)
            block = await FetchAsync(offset, blockBytes).ConfigureAwait(false);
        if (block.End < length)
            next = FetchAsync(block.End, blockBytes);
        return block;
    }

    private async Task<Block> FetchAsync(long offset, int bytes)
    {
        var content = new byte[Math.Min(bytes, length - offset)];
        await requests.ReadAsync(at, offset, content).ConfigureAwait(false);
        return new Block(offset, content);
    }

    private sealed record Block(long Start, byte[] Bytes)
    {
        public long End => Start + Bytes.Length;

        public bool Contains(long offset) => offset >= Start && offset < End;
    }
}
