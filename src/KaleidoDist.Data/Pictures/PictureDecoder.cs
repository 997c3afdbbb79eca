using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>
/// Decodes JPEG, PNG and WebP bytes, which are hostile until proven otherwise: the declared size is checked before anything of that
/// size is allocated. Alpha is composed on white and the camera's orientation is applied. Keeps a buffer: one decoder per thread.
/// </summary>
public sealed class PictureDecoder
{
    /// <summary>Largest picture decoded: 64 M pixels, 256 MB while it is being decoded.</summary>
    public const long MaxPixelCount = 64L << 20;

    private const int DecodedPixelBytes = 4;

    // Larger pictures are decoded into a buffer of their own, which is not kept.
    private const int KeptBufferBytes = 4 << 20;

    private byte[] kept = [];

    /// <summary>Decodes a picture.</summary>
    /// <param name="encoded">The bytes of the file.</param>
    /// <param name="minimumSide">
    /// Where the format can decode at a smaller scale, the smallest scale is taken that leaves both sides at least this long;
    /// <see cref="int.MaxValue"/> for full size.
    /// </param>
    /// <param name="picture">The picture, which the caller disposes; null when it does not decode.</param>
    /// <param name="reason">Why it does not decode, as part of a sentence; null otherwise.</param>
    public bool TryDecode(
        ReadOnlySpan<byte> encoded, int minimumSide, [NotNullWhen(true)] out Picture? picture, [NotNullWhen(false)] out string? reason)
    {
        picture = null;
        if (encoded.IsEmpty)
        {
            reason = "it has no bytes";
            return false;
        }

        using var data = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(data);
        if (codec is null)
        {
            reason = $"its {encoded.Length} bytes are no JPEG, PNG or WebP";
            return false;
        }

        reason = Refusal(codec);
        if (reason is not null)
            return false;

        picture = Decode(codec, minimumSide, out reason);
        return picture is not null;
    }

    private static string? Refusal(SKCodec codec)
    {
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (codec.EncodedFormat is not (SKEncodedImageFormat.Jpeg or SKEncodedImageFormat.Png or SKEncodedImageFormat.Webp))
            return $"its format is {codec.EncodedFormat}; expected JPEG, PNG or WebP";
        if (width <= 0 || height <= 0 || (long)width * height > MaxPixelCount)
            return $"it declares {width} x {height} pixels; expected 1 to {MaxPixelCount}";
        return null;
    }

    private Picture? Decode(SKCodec codec, int minimumSide, out string? reason)
    {
        var size = Scale(codec, minimumSide);
        var info = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        var bytes = checked(info.Width * info.Height * DecodedPixelBytes);
        var buffer = Buffer(bytes);
        var result = codec.GetPixels(info, Marshal.UnsafeAddrOfPinnedArrayElement(buffer, 0), info.RowBytes, SKCodecOptions.Default);
        if (result != SKCodecResult.Success)
        {
            reason = $"its data is damaged ({result})";
            return null;
        }

        reason = null;
        return Upright(buffer.AsSpan(0, bytes), size, codec.Info.Size, codec.EncodedOrigin);
    }

    private byte[] Buffer(int bytes)
    {
        if (bytes <= kept.Length)
            return kept;
        var buffer = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        if (bytes <= KeptBufferBytes)
            kept = buffer;
        return buffer;
    }

    // JPEG decodes at eighths; other codecs answer with their full size.
    private static SKSizeI Scale(SKCodec codec, int minimumSide)
    {
        const int scales = 8;
        var full = codec.Info.Size;
        for (var eighths = 1; eighths < scales; eighths++)
        {
            var size = codec.GetScaledDimensions(eighths / (float)scales);
            if (size.Width >= minimumSide && size.Height >= minimumSide)
                return size;
        }

        return full;
    }

    private static Picture Upright(ReadOnlySpan<byte> decoded, SKSizeI size, SKSizeI source, SKEncodedOrigin origin)
    {
        // The last four origins swap rows and columns.
        var swapped = origin >= SKEncodedOrigin.LeftTop;
        var picture = swapped
            ? new Picture(size.Height, size.Width, source.Height, source.Width)
            : new Picture(size.Width, size.Height, source.Width, source.Height);

        // Where the first pixel of an upright row lies in the decoded picture, and the step to the next pixel.
        var (lastX, lastY) = (size.Width - 1, size.Height - 1);
        for (var y = 0; y < picture.Height; y++)
        {
            var (startX, startY, stepX, stepY) = origin switch
            {
                SKEncodedOrigin.TopRight => (lastX, y, -1, 0),
                SKEncodedOrigin.BottomRight => (lastX, lastY - y, -1, 0),
                SKEncodedOrigin.BottomLeft => (0, lastY - y, 1, 0),
                SKEncodedOrigin.LeftTop => (y, 0, 0, 1),
                SKEncodedOrigin.RightTop => (y, lastY, 0, -1),
                SKEncodedOrigin.RightBottom => (lastX - y, lastY, 0, -1),
                SKEncodedOrigin.LeftBottom => (lastX - y, 0, 0, 1),
                _ => (0, y, 1, 0),
            };
            ComposeRow(decoded, DecodedPixelBytes * (startY * size.Width + startX), DecodedPixelBytes * (stepY * size.Width + stepX), picture.Row(y));
        }

        return picture;
    }

    // Premultiplied colour c over white is c + (255 - alpha).
    private static void ComposeRow(ReadOnlySpan<byte> decoded, int offset, int step, Span<byte> row)
    {
        for (var i = 0; i < row.Length; i += Picture.PixelBytes, offset += step)
        {
            var pixel = decoded.Slice(offset, DecodedPixelBytes);
            var white = 255 - pixel[3];
            row[i] = (byte)(pixel[0] + white);
            row[i + 1] = (byte)(pixel[1] + white);
            row[i + 2] = (byte)(pixel[2] + white);
        }
    }
}
