using System.Buffers.Binary;
using System.IO.Hashing;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

/// <summary>Small pictures for importers to read.</summary>
internal static class Pictures
{
    /// <summary>A PNG whose upper half is red and whose lower half is transparent.</summary>
    public static byte[] HalfRed(int width, int height)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Premul);
        using (var canvas = new SKCanvas(bitmap))
        using (var red = new SKPaint { Color = SKColors.Red })
        {
            canvas.Clear(SKColors.Transparent);
            canvas.DrawRect(0, 0, width, height / 2f, red);
        }

        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    /// <summary>A PNG of some bytes whose header claims another size.</summary>
    public static byte[] Claiming(int width, int height)
    {
        // Signature (8), length and type of IHDR (8), then width and height, big-endian; the checksum covers type and data.
        var png = HalfRed(4, 4);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32.HashToUInt32(png.AsSpan(12, 17)));
        return png;
    }

    /// <summary>A JPEG, blue on the left and white on the right, with an EXIF orientation.</summary>
    public static byte[] HalfBlueJpeg(int width, int height, byte orientation)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using (var canvas = new SKCanvas(bitmap))
        using (var blue = new SKPaint { Color = SKColors.Blue })
        {
            canvas.Clear(SKColors.White);
            canvas.DrawRect(0, 0, width / 2f, height, blue);
        }

        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 95);
        var jpeg = data.ToArray();

        // APP1: length 34, "Exif", a little-endian TIFF with one entry: tag 0x0112 (orientation), type SHORT, count 1.
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif"u8, 0, 0, .. "II"u8, 42, 0, 8, 0, 0, 0,
            1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0,
        ];
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    public static SKBitmap Decode(ReadOnlyMemory<byte> bytes) => SKBitmap.Decode(bytes.Span);
}
