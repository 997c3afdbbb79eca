using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Passes on what a decompressor gives, and ends a decompression bomb: archives of pictures barely shrink, so output that outgrows
/// the input by more than <see cref="MaxRatio"/> is none. Total output is bounded by the same, for the input is a file.
/// </summary>
internal sealed class ExpansionLimit(Stream decompressed, FileStream compressed) : Stream
{
    /// <summary>Most bytes for one byte of input.</summary>
    public const int MaxRatio = 50;

    /// <summary>Output that is never too much: headers and padding of small archives compress well.</summary>
    public const long FreeBytes = 16L << 20;

    private long total;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer) => Counted(decompressed.Read(buffer));

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => Counted(await decompressed.ReadAsync(buffer, cancellationToken));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Counted(int count)
    {
        total += count;
        return total <= FreeBytes + MaxRatio * compressed.Position
            ? count
            : throw KaleidoException.Usage($"'{compressed.Name}' expands its first {compressed.Position:N0} bytes to more than {MaxRatio} times as many; expected pictures, which barely shrink. It is a decompression bomb or no archive of pictures.");
    }
}
