namespace KaleidoDist.Data;

/// <summary>
/// The colour of a picture's outermost pixels, and how far they keep to it. The distance of two colours is their largest difference in a
/// channel, 0..255.
/// </summary>
/// <param name="Red">Median of the channel.</param>
/// <param name="Green">Median of the channel.</param>
/// <param name="Blue">Median of the channel.</param>
/// <param name="UniformShare">Share of the border within <see cref="MaxSpread"/> of the median, 0..1.</param>
/// <param name="Stretches">How often the border, followed once around, leaves this distance.</param>
/// <param name="Spread">The distance that three quarters of these keep within: noise, shadows, an uneven light.</param>
internal readonly record struct BorderColor(byte Red, byte Green, byte Blue, double UniformShare, int Stretches, int Spread)
{
    /// <summary>Larger distances from the median are no variation of one background.</summary>
    public const int MaxSpread = 24;

    // The rest may be a product that the picture cuts off: it takes long stretches of the border, where a texture takes many short ones.
    private const double MinUniformShare = 0.6;
    private const int MaxStretches = 16;

    // Over a clean background: beyond what JPEG does to white, and below the difference of ivory.
    private const int MinThreshold = 12;

    // Of normal noise in three channels, 0.2 % of the pixels lie beyond twice the distance that three quarters keep within.
    private const int SpreadFactor = 2;

    // Otsu's histogram takes each seventh pixel: prime to most widths, so that no columns are left out.
    private const int SampledPixels = 7;

    /// <summary>Whether the border has one colour.</summary>
    public bool IsUniform => UniformShare >= MinUniformShare && Stretches <= MaxStretches;

    /// <summary>The border of a picture.</summary>
    public static BorderColor Of(Picture picture)
    {
        Span<int> histogram = stackalloc int[256];
        var (red, green, blue) = (Median(0, histogram), Median(1, histogram), Median(2, histogram));

        histogram.Clear();
        var (count, stretches, wasWithin) = (0, 0, true);
        foreach (var pixel in new Border(picture))
        {
            var distance = Distance(pixel[0], pixel[1], pixel[2], red, green, blue);
            histogram[distance]++;
            count++;
            stretches += wasWithin && distance > MaxSpread ? 1 : 0;
            wasWithin = distance <= MaxSpread;
        }

        var within = 0;
        for (var distance = 0; distance <= MaxSpread; distance++)
            within += histogram[distance];
        var spread = 0;
        for (var seen = histogram[0]; 4 * seen < 3 * within; seen += histogram[spread])
            spread++;
        return new BorderColor(red, green, blue, (double)within / count, stretches, spread);

        byte Median(int channel, Span<int> histogram)
        {
            histogram.Clear();
            var count = 0;
            foreach (var pixel in new Border(picture))
            {
                histogram[pixel[channel]]++;
                count++;
            }

            var value = 0;
            for (var seen = histogram[0]; 2 * seen < count; seen += histogram[value])
                value++;
            return (byte)value;
        }
    }

    /// <summary>
    /// Marks the pixels that differ from the border: by more than 12, or where the border itself varies, by more than twice its
    /// spread, but by no more than what best separates the picture in two (<see cref="OtsuThreshold"/>).
    /// </summary>
    public void MarkDifferent(Picture picture, Span<bool> mask)
    {
        var threshold = MinThreshold;
        if (SpreadFactor * Spread > MinThreshold)
        {
            Span<int> histogram = stackalloc int[256];
            var all = picture.Pixels;
            for (var p = 0; p < all.Length; p += SampledPixels * Picture.PixelBytes)
                histogram[Distance(all[p], all[p + 1], all[p + 2], Red, Green, Blue)]++;
            threshold = Math.Max(MinThreshold, Math.Min(SpreadFactor * Spread, OtsuThreshold.Of(histogram).Threshold));
        }

        var pixels = picture.Pixels;
        for (int i = 0, p = 0; p < pixels.Length; i++, p += Picture.PixelBytes)
            mask[i] = Math.Abs(pixels[p] - Red) > threshold || Math.Abs(pixels[p + 1] - Green) > threshold || Math.Abs(pixels[p + 2] - Blue) > threshold;
    }

    private static int Distance(byte red, byte green, byte blue, byte fromRed, byte fromGreen, byte fromBlue)
        => Math.Max(Math.Abs(red - fromRed), Math.Max(Math.Abs(green - fromGreen), Math.Abs(blue - fromBlue)));

    /// <summary>The outermost pixels of a picture, each once, clockwise from the top left.</summary>
    private ref struct Border(Picture picture)
    {
        private readonly Span<byte> pixels = picture.Pixels;
        private readonly int width = picture.Width;
        private readonly int height = picture.Height;
        private int index = -1;

        public readonly Border GetEnumerator() => this;

        public bool MoveNext() => ++index < (width == 1 || height == 1 ? width * height : 2 * (width + height) - 4);

        public readonly ReadOnlySpan<byte> Current
        {
            get
            {
                var (right, bottom) = (width - 1, height - 1);
                var (x, y) = index switch
                {
                    _ when width == 1 => (0, index),
                    _ when index < width => (index, 0),
                    _ when index < width + bottom => (right, index - right),
                    _ when index < width + bottom + right => (2 * right + bottom - index, bottom),
                    _ => (0, 2 * (right + bottom) - index),
                };
                return pixels.Slice((y * width + x) * Picture.PixelBytes, Picture.PixelBytes);
            }
        }
    }
}
