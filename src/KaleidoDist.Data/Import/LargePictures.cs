using SkiaSharp;

namespace KaleidoDist.Data;

/// <summary>Lets pictures of many pixels be converted one at a time, so that many cores do not multiply the memory of the largest one.</summary>
internal sealed class LargePictures : IDisposable
{
    /// <summary>Pixels from which a picture is large: 64 MB decoded.</summary>
    public const long LeastPixelCount = 16 << 20;

    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Converts now, or when no other large picture is being converted.</summary>
    public T Convert<T>(SourceImage image, Func<T> convert)
    {
        if (PixelCount(image) < LeastPixelCount)
            return convert();
        turn.Wait();
        try
        {
            return convert();
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Frees the turn.</summary>
    public void Dispose() => turn.Dispose();

    private static long PixelCount(SourceImage image)
    {
        if (image is PixelImage pixels)
            return (long)pixels.Width * pixels.Height;
        if (image is not EncodedImage { Bytes: { IsEmpty: false } bytes })
            return 0;
        using var data = SKData.CreateCopy(bytes.Span);
        using var codec = SKCodec.Create(data);
        return codec is null ? 0 : (long)codec.Info.Width * codec.Info.Height;
    }
}
