using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>
/// A decoded picture: 8-bit RGB, row-major, opaque, upright, in a pooled buffer that <see cref="Dispose"/> returns.
/// </summary>
public sealed class Picture : IDisposable
{
    /// <summary>Bytes of a pixel: red, green, blue.</summary>
    public const int PixelBytes = 3;

    private readonly int length;
    private byte[]? buffer;

    /// <summary>Creates a picture whose pixels are not yet set.</summary>
    public Picture(int width, int height)
        : this(width, height, width, height)
    {
    }

    /// <summary>Creates a picture that was decoded at a smaller scale.</summary>
    public Picture(int width, int height, int sourceWidth, int sourceHeight)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        (Width, Height, SourceWidth, SourceHeight) = (width, height, sourceWidth, sourceHeight);
        length = checked(width * height * PixelBytes);
        buffer = ArrayPool<byte>.Shared.Rent(length);
    }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Width of the encoded picture, in which boxes of the data set are given.</summary>
    public int SourceWidth { get; }

    /// <summary>Height of the encoded picture.</summary>
    public int SourceHeight { get; }

    /// <summary>The whole picture.</summary>
    public PixelBox Bounds => new(0, 0, Width, Height);

    /// <summary>Bytes held.</summary>
    public int BufferBytes => buffer?.Length ?? 0;

    /// <summary>[Height, Width, 3] bytes.</summary>
    /// <exception cref="ObjectDisposedException">The picture was disposed.</exception>
    public Span<byte> Pixels
    {
        get
        {
            ObjectDisposedException.ThrowIf(buffer is null, this);
            return buffer.AsSpan(0, length);
        }
    }

    /// <summary>Bytes of a row.</summary>
    public Span<byte> Row(int y) => Pixels.Slice(y * Width * PixelBytes, Width * PixelBytes);

    /// <summary>Copies a part of the picture.</summary>
    public Picture Crop(PixelBox box)
    {
        var crop = new Picture(box.Width, box.Height);
        for (var y = 0; y < box.Height; y++)
            Row(box.Y1 + y).Slice(box.X1 * PixelBytes, box.Width * PixelBytes).CopyTo(crop.Row(y));
        return crop;
    }

    /// <summary>Returns the buffer.</summary>
    public void Dispose()
    {
        if (buffer is not null)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = null;
    }
}

/// <summary>A rectangle of pixels; ends are exclusive.</summary>
public readonly record struct PixelBox(int X1, int Y1, int X2, int Y2)
{
    /// <summary>Columns.</summary>
    public int Width => X2 - X1;

    /// <summary>Rows.</summary>
    public int Height => Y2 - Y1;
}
