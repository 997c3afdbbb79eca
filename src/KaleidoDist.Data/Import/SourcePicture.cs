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

    /// <summary>Decodes a picture, or returns null and the reason it cannot be used.</summary>
    public static SourcePicture? Decode(ReadOnlySpan<byte> bytes, out string problem)
    {
        problem = "picture does not decode";
        if (bytes.IsEmpty)
            return null;
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null)
            return null;
        if ((long)codec.Info.Width * codec.Info.Height > MaxPixelCount)
        {
            problem = $"picture has {codec.Info.Width} x {codec.Info.Height} pixels, more than {MaxPixelCount:N0}";
            return null;
        }

        var bitmap = new SKBitmap(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        if (codec.GetPixels(bitmap.Info, bitmap.GetPixels()) == SKCodecResult.Success)
            return new SourcePicture(bitmap, codec.EncodedOrigin);
        bitmap.Dispose();
        return null;
    }

    /// <summary>Frees the pixels.</summary>
    public void Dispose() => Bitmap.Dispose();
}
