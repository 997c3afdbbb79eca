namespace KaleidoDist.Data;

/// <summary>Where a stored picture shows the source's.</summary>
/// <param name="SourceWidth">Width of the source's picture, upright.</param>
/// <param name="SourceHeight">Height of the source's picture, upright.</param>
/// <param name="Content">The part of the stored picture that shows it; the rest is padding.</param>
internal sealed record PicturePlacement(int SourceWidth, int SourceHeight, PixelBox Content)
{
    /// <summary>The stored picture is the source's.</summary>
    public static PicturePlacement AsItIs(int width, int height) => new(width, height, new PixelBox(0, 0, width, height));

    /// <summary>A box of the source's picture in the stored one, no smaller than it was; null when it does not lie in the source's.</summary>
    public PixelBox? Place(PixelBox box)
    {
        if (box.X2 > SourceWidth || box.Y2 > SourceHeight)
            return null;
        return new PixelBox(
            Content.X1 + Down(box.X1, Content.Width, SourceWidth),
            Content.Y1 + Down(box.Y1, Content.Height, SourceHeight),
            Content.X1 + Up(box.X2, Content.Width, SourceWidth),
            Content.Y1 + Up(box.Y2, Content.Height, SourceHeight));

        static int Down(int value, int size, int sourceSize) => (int)((long)value * size / sourceSize);

        static int Up(int value, int size, int sourceSize) => (int)(((long)value * size + sourceSize - 1) / sourceSize);
    }
}
