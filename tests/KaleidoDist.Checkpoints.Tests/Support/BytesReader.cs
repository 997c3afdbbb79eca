namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A file whose content is in memory.</summary>
internal sealed class BytesReader(byte[] content) : IStorageReader
{
    /// <inheritdoc/>
    public long Length => content.Length;

    /// <inheritdoc/>
    public int Read(long offset, Span<byte> buffer)
    {
        var count = (int)Math.Clamp(content.Length - offset, 0, buffer.Length);
        content.AsSpan((int)Math.Min(offset, content.Length), count).CopyTo(buffer);
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
