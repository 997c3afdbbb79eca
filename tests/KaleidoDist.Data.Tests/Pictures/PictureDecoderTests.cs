using System.Buffers.Binary;
using SkiaSharp;

namespace KaleidoDist.Data.Tests;

public sealed class PictureDecoderTests
{
    private readonly PictureDecoder decoder = new();

    [Fact]
    public void APngDecodesToItsPixels()
    {
        using var bitmap = new SKBitmap(3, 2);
        bitmap.Erase(SKColors.White);
        bitmap.SetPixel(2, 0, new SKColor(10, 20, 30));
        bitmap.SetPixel(0, 1, new SKColor(40, 50, 60));
        Assert.True(decoder.TryDecode(Drawn.Encode(bitmap), int.MaxValue, out var picture, out _));
        using (picture)
        {
            Assert.Equal((3, 2), (picture.Width, picture.Height));
            Assert.Equal([255, 255, 255, 255, 255, 255, 10, 20, 30, 40, 50, 60, 255, 255, 255, 255, 255, 255], picture.Pixels.ToArray());
        }
    }

    [Fact]
    public void AlphaIsComposedOnWhite()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.SetPixel(0, 0, new SKColor(0, 0, 0, 0));
        bitmap.SetPixel(1, 0, new SKColor(0, 0, 0, 102));
        Assert.True(decoder.TryDecode(Drawn.Encode(bitmap), int.MaxValue, out var picture, out _));
        using (picture)
            Assert.Equal([255, 255, 255, 153, 153, 153], picture.Pixels.ToArray());
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void LossyFormatsDecodeAtTheirSize(SKEncodedImageFormat format)
    {
        Assert.True(decoder.TryDecode(Drawn.Product(1, 100, format), int.MaxValue, out var picture, out _));
        using (picture)
            Assert.Equal((100, 100), (picture.Width, picture.Height));
    }

    [Fact]
    public void ALargeJpegDecodesAtTheSmallestScaleThatIsLargeEnough()
    {
        Assert.True(decoder.TryDecode(Drawn.Product(1, 800), 160, out var picture, out _));
        using (picture)
            Assert.Equal((200, 200, 800, 800), (picture.Width, picture.Height, picture.SourceWidth, picture.SourceHeight));
    }

    [Fact]
    public void AJpegTakenOnItsSideStandsUpright()
    {
        using var bitmap = new SKBitmap(32, 16);
        bitmap.Erase(SKColors.White);
        using (var canvas = new SKCanvas(bitmap))
        using (var paint = new SKPaint())
            canvas.DrawRect(0, 0, 8, 8, paint);
        foreach (var (origin, width, height, cornerX, cornerY) in new[] { (1, 32, 16, 2, 2), (3, 32, 16, 29, 13), (6, 16, 32, 13, 2), (8, 16, 32, 2, 29) })
        {
            var jpeg = WithOrientation(Drawn.Encode(bitmap, SKEncodedImageFormat.Jpeg), (byte)origin);
            Assert.True(decoder.TryDecode(jpeg, int.MaxValue, out var picture, out _));
            using (picture)
            {
                Assert.Equal((width, height), (picture.Width, picture.Height));
                Assert.InRange(picture.Row(cornerY)[3 * cornerX], 0, 30);
            }
        }
    }

    [Fact]
    public void BytesThatAreNoPictureAreRefusedWithTheReason()
    {
        Assert.Equal("it has no bytes", Reason([]));
        Assert.Equal("its 5 bytes are no JPEG, PNG or WebP", Reason("hello"u8.ToArray()));
    }

    [Fact]
    public void TruncatedPicturesAreRefused()
    {
        foreach (var format in new[] { SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Png, SKEncodedImageFormat.Webp })
        {
            var whole = Drawn.Product(2, 112, format);
            Assert.NotNull(Reason(whole[..(whole.Length / 2)]));
            Assert.Null(Reason(whole));
        }
    }

    [Theory]
    [InlineData(60_000u, 60_000u)]
    [InlineData(67_108_865u, 1u)]
    [InlineData(0u, 5u)]
    public void ADeclaredSizeBeyondReasonIsRefusedBeforeDecoding(uint width, uint height)
    {
        // The IHDR of a PNG and its checksum, rewritten.
        var png = Drawn.Product(3, 32, SKEncodedImageFormat.Png);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(16), width);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), System.IO.Hashing.Crc32.HashToUInt32(png.AsSpan(12, 17)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.NotNull(Reason(png));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void RandomBytesAfterAJpegHeaderNeverThrow()
    {
        var whole = Drawn.Product(4);
        var random = new Contracts.KeyedRandom(9, Contracts.RandomPurpose.Import);
        for (var i = 0; i < 200; i++)
        {
            var damaged = whole.ToArray();
            for (var n = 0; n < 20; n++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            if (decoder.TryDecode(damaged, 80, out var picture, out _))
                picture.Dispose();
        }
    }

    private string? Reason(byte[] bytes)
    {
        if (decoder.TryDecode(bytes, int.MaxValue, out var picture, out var reason))
            picture.Dispose();
        return reason;
    }

    // An APP1 segment with the one EXIF entry 0x0112, behind the start-of-image marker.
    private static byte[] WithOrientation(byte[] jpeg, byte orientation) =>
    [
        .. jpeg[..2],
        0xFF, 0xE1, 0x00, 0x22, .. "Exif\0\0"u8, .. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0,
        .. jpeg[2..],
    ];
}
