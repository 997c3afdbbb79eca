using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>A picture decoded whole, as its file stores it. A file that ends early does not count as decoded.</summary>
internal sealed class SourcePicture : IDisposable
{
    /// <summary>Most pixels: a small file may claim to be huge.</summary>
    public const long MaxPixelCount = 100_000_000;

    private SourcePicture(SKBitmap bitmap, SKEncodedOrigin origin)
    {
        Bitmap = bitmap;
        Origin = origin;
    }

    /// <summary>The pixels, RGBA with premultiplied alpha.</summary>
    public SKBitmap Bitmap { get; }

    /// <summary>How the stored picture is turned (EXIF orientation).</summary>
    public SKEncodedOrigin Origin { get; }

    /// <summary>Its width when it stands upright.</summary>
    public int UprightWidth => IsTurned ? Bitmap.Height : Bitmap.Width;

    /// <summary>Its height when it stands upright.</summary>
    public int UprightHeight => IsTurned ? Bitmap.Width : Bitmap.Height;

    // The last four origins swap rows and columns.
    private bool IsTurned => Origin >= SKEncodedOrigin.LeftTop;

    /// <summary>Decodes a picture, or returns null and the reason it cannot be used.</summary>
    public static SourcePicture? Decode(ReadOnlySpan<byte> bytes, out NoImage? refusal)
    {
        refusal = new NoImage(SkipReason.PictureDamaged, "picture does not decode");
        if (bytes.IsEmpty)
            return null;
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null)
            return null;
        if ((long)codec.Info.Width * codec.Info.Height > MaxPixelCount)
        {
            refusal = new NoImage(SkipReason.PictureTooLarge, $"picture has {codec.Info.Width} x {codec.Info.Height} pixels, more than {MaxPixelCount:N0}");
            return null;
        }

        var bitmap = new SKBitmap(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        if (codec.GetPixels(bitmap.Info, bitmap.GetPixels()) == SKCodecResult.Success)
        {
            refusal = null;
            return new SourcePicture(bitmap, codec.EncodedOrigin);
        }

        bitmap.Dispose();
        return null;
    }

    /// <summary>A picture of bare pixels.</summary>
    public static SourcePicture OfPixels(PixelImage pixels)
    {
        const int rgb = 3, rgba = 4;
        var bitmap = new SKBitmap(pixels.Width, pixels.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var source = pixels.Rgb.Span;
        var target = bitmap.GetPixelSpan();
        for (var (from, to) = (0, 0); to < target.Length; from += rgb, to += rgba)
        {
            source.Slice(from, rgb).CopyTo(target[to..]);
            target[to + rgb] = byte.MaxValue;
        }

        return new SourcePicture(bitmap, SKEncodedOrigin.TopLeft);
    }

    /// <summary>Frees the pixels.</summary>
    public void Dispose() => Bitmap.Dispose();
}
