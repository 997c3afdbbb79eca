using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>A picture ready to be stored.</summary>
/// <param name="Bytes">Encoded picture.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
internal sealed record StoredPicture(ReadOnlyMemory<byte> Bytes, int Width, int Height)
{
    /// <summary>Where in it the source's picture is; null for bare pixels, which have no boxes.</summary>
    public PicturePlacement? Placement { get; init; }
}

/// <summary>Checks pictures on import and, when asked, writes them anew: upright, on white, no larger than needed.</summary>
internal static class PictureConverter
{
    /// <summary>Converts a picture, or returns null and the reason it cannot be used.</summary>
    public static StoredPicture? Convert(SourceImage source, PictureOptions options, out NoImage? refusal)
    {
        refusal = source as NoImage;
        return source switch
        {
            EncodedImage encoded => Convert(encoded.Bytes, options, out refusal),
            ConvertedImage converted => converted.Picture,
            PixelImage pixels => Convert(pixels, options),
            _ => null,
        };
    }

    private static StoredPicture? Convert(ReadOnlyMemory<byte> source, PictureOptions options, out NoImage? refusal)
    {
        using var picture = SourcePicture.Decode(source.Span, out refusal);
        if (picture is null)
            return null;
        return options.MaxSide is { } maxSide
            ? Redraw(picture, maxSide, options)
            : new StoredPicture(source, picture.Bitmap.Width, picture.Bitmap.Height) { Placement = PicturePlacement.AsItIs(picture.UprightWidth, picture.UprightHeight) };
    }

    /// <summary>Bare pixels are always written anew, scaled down only when asked.</summary>
    private static StoredPicture Convert(PixelImage pixels, PictureOptions options)
    {
        using var picture = SourcePicture.OfPixels(pixels);
        var maxSide = options.MaxSide ?? Math.Max(pixels.Width, pixels.Height);
        return maxSide < Math.Max(pixels.Width, pixels.Height) || options.Square
            ? Redraw(picture, maxSide, options)
            : Encode(picture.Bitmap, options);
    }

    private static StoredPicture Redraw(SourcePicture picture, int maxSide, PictureOptions options)
    {
        var (source, width, height) = (picture.Bitmap, picture.UprightWidth, picture.UprightHeight);
        var scale = Math.Min(1f, (float)maxSide / Math.Max(width, height));
        var (scaledWidth, scaledHeight) = (Scaled(width), Scaled(height));
        var side = Math.Max(scaledWidth, scaledHeight);
        var (targetWidth, targetHeight) = options.Square ? (side, side) : (scaledWidth, scaledHeight);
        var (left, top) = ((targetWidth - scaledWidth) / 2, (targetHeight - scaledHeight) / 2);

        using var target = new SKBitmap(targetWidth, targetHeight, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using (var canvas = new SKCanvas(target))
        using (var image = SKImage.FromBitmap(source))
        {
            canvas.Clear(SKColors.White);
            canvas.Translate(left, top);
            canvas.Scale((float)scaledWidth / width, (float)scaledHeight / height);
            canvas.Concat(Upright(picture.Origin, source.Width, source.Height));
            canvas.DrawImage(image, 0, 0, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        }

        return Encode(target, options) with { Placement = new PicturePlacement(width, height, new PixelBox(left, top, left + scaledWidth, top + scaledHeight)) };

        int Scaled(int length) => Math.Max(1, (int)MathF.Round(length * scale));
    }

    private static StoredPicture Encode(SKBitmap bitmap, PictureOptions options)
    {
        using var encoded = options.Format == PictureFormat.Png
            ? bitmap.Encode(SKEncodedImageFormat.Png, options.JpegQuality)
            : bitmap.Encode(SKEncodedImageFormat.Jpeg, options.JpegQuality);
        return new StoredPicture(encoded.ToArray(), bitmap.Width, bitmap.Height);
    }

    /// <summary>Maps the pixels of a picture stored at <paramref name="origin"/> (EXIF orientation) to where they are seen.</summary>
    private static SKMatrix Upright(SKEncodedOrigin origin, float width, float height) => origin switch
    {
        SKEncodedOrigin.TopRight => new SKMatrix(-1, 0, width, 0, 1, 0, 0, 0, 1),
        SKEncodedOrigin.BottomRight => new SKMatrix(-1, 0, width, 0, -1, height, 0, 0, 1),
        SKEncodedOrigin.BottomLeft => new SKMatrix(1, 0, 0, 0, -1, height, 0, 0, 1),
        SKEncodedOrigin.LeftTop => new SKMatrix(0, 1, 0, 1, 0, 0, 0, 0, 1),
        SKEncodedOrigin.RightTop => new SKMatrix(0, -1, height, 1, 0, 0, 0, 0, 1),
        SKEncodedOrigin.RightBottom => new SKMatrix(0, -1, height, -1, 0, width, 0, 0, 1),
        SKEncodedOrigin.LeftBottom => new SKMatrix(0, 1, 0, -1, 0, width, 0, 0, 1),
        _ => SKMatrix.Identity,
    };
}
