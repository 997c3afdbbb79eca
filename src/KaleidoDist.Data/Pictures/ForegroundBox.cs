using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>
/// Locks the product in a picture without a network, the first step of the kaleido patch generator (paper, section 3.2). Product
/// pictures have near uniform backgrounds:
/// <list type="number">
/// <item>a pixel is foreground when a channel differs from the border's median by more than 12 of 255;</item>
/// <item>foreground pixels that touch within one pixel (closing gaps) form components; those under 1 % of the picture are dropped;</item>
/// <item>the box is the bounding box of the rest, padded by 5 % on each side and clipped.</item>
/// </list>
/// Where nothing is left, or a side of the box is under 32 pixels (or under the picture's own side, where that is smaller), the whole
/// picture is the box.
/// </summary>
public static class ForegroundBox
{
    private const int ColorThreshold = 12;
    private const double MinComponentShare = 0.01;
    private const double Padding = 0.05;
    private const int MinSide = 32;

    /// <summary>The box of a picture: the one its data set gives (see <see cref="FromRow"/>), or else the one found.</summary>
    public static PixelBox Of(IReadOnlyList<int>? given, Picture picture) => FromRow(given, picture) ?? Find(picture);

    /// <summary>The foreground box of a picture: never empty, always inside it.</summary>
    public static PixelBox Find(Picture picture)
    {
        var (width, height) = (picture.Width, picture.Height);
        var mask = ArrayPool<bool>.Shared.Rent(width * height);
        try
        {
            MarkForeground(picture, mask);
            var found = Components.BoundingBox(mask, width, height, (int)Math.Ceiling(MinComponentShare * width * height));
            if (found is not { } box)
                return picture.Bounds;

            var (padX, padY) = ((int)Math.Round(Padding * box.Width), (int)Math.Round(Padding * box.Height));
            var padded = new PixelBox(
                Math.Max(0, box.X1 - padX), Math.Max(0, box.Y1 - padY), Math.Min(width, box.X2 + padX), Math.Min(height, box.Y2 + padY));
            return padded.Width < Math.Min(MinSide, width) || padded.Height < Math.Min(MinSide, height) ? picture.Bounds : padded;
        }
        finally
        {
            ArrayPool<bool>.Shared.Return(mask);
        }
    }

    /// <summary>
    /// The box that a data set gives for a picture, in pixels of the encoded picture, in pixels of the decoded one; null when it is no
    /// box inside the picture.
    /// </summary>
    public static PixelBox? FromRow(IReadOnlyList<int>? box, Picture picture)
    {
        if (box is not [var x1, var y1, var x2, var y2] || x1 < 0 || y1 < 0 || x1 >= x2 || y1 >= y2 || x2 > picture.SourceWidth || y2 > picture.SourceHeight)
            return null;
        var (left, top) = (Scale(x1, picture.Width, picture.SourceWidth), Scale(y1, picture.Height, picture.SourceHeight));
        return new PixelBox(
            left,
            top,
            Math.Max(left + 1, Scale(x2, picture.Width, picture.SourceWidth)),
            Math.Max(top + 1, Scale(y2, picture.Height, picture.SourceHeight)));

        static int Scale(int value, int size, int sourceSize) => (int)((long)value * size / sourceSize);
    }

    private static void MarkForeground(Picture picture, bool[] mask)
    {
        Span<byte> background = stackalloc byte[Picture.PixelBytes];
        BorderMedian(picture, background);
        var (red, green, blue) = (background[0], background[1], background[2]);
        var pixels = picture.Pixels;
        for (int i = 0, p = 0; p < pixels.Length; i++, p += Picture.PixelBytes)
            mask[i] = Math.Abs(pixels[p] - red) > ColorThreshold || Math.Abs(pixels[p + 1] - green) > ColorThreshold || Math.Abs(pixels[p + 2] - blue) > ColorThreshold;
    }

    // Median of each channel over the outermost pixels, from a histogram.
    private static void BorderMedian(Picture picture, Span<byte> median)
    {
        Span<int> histogram = stackalloc int[256];
        var pixels = picture.Pixels;
        var (width, height) = (picture.Width, picture.Height);
        for (var channel = 0; channel < Picture.PixelBytes; channel++)
        {
            histogram.Clear();
            var count = 0;
            for (var y = 0; y < height; y++)
            {
                var step = y == 0 || y == height - 1 ? 1 : Math.Max(1, width - 1);
                for (var x = 0; x < width; x += step, count++)
                    histogram[pixels[(y * width + x) * Picture.PixelBytes + channel]]++;
            }

            var value = 0;
            for (var seen = histogram[0]; 2 * seen < count; seen += histogram[value])
                value++;
            median[channel] = (byte)value;
        }
    }
}
