using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>
/// Frequency-tuned saliency (Achanta et al., CVPR 2009): a pixel is as salient as its colour, smoothed over 5 x 5 pixels, is far from the
/// picture's mean colour in L*a*b*. Otsu's threshold makes it a mask.
/// <list type="number">
/// <item>The picture is reduced by a whole factor to at most 128 pixels a side: boxes need no more, and time stays bounded.</item>
/// <item>Of a product in two colours Otsu's threshold may keep the more salient one alone. So it is lowered to what 95 % of the border keep
/// within, by half at most.</item>
/// <item>A product larger than the rest pulls the mean to itself; then the background is the salient part. It is known by the border,
/// half of which it takes, and the mask is turned round.</item>
/// <item>A threshold that hardly separates anything, and a mask of nearly everything, convince nobody.</item>
/// </list>
/// </summary>
internal static class FrequencyTunedSaliency
{
    private const int MaxSide = 128;
    private const double MaxMaskShare = 0.9;
    private const double BackgroundShare = 0.95;

    // One normal distribution, cut in the middle, reaches 2 / pi: below this there are no two classes.
    private const double MinSeparability = 0.66;

    /// <summary>The box of what is salient; null when nothing convincing is.</summary>
    public static PixelBox? Find(Picture picture, double minComponentShare)
    {
        var factor = (Math.Max(picture.Width, picture.Height) + MaxSide - 1) / MaxSide;
        if (factor == 1)
            return FindAtScale(picture, minComponentShare);
        if (Math.Min(picture.Width, picture.Height) < factor)
            return null;
        using var reduced = Reduce(picture, factor);
        return FindAtScale(reduced, minComponentShare) is not { } box ? null : new PixelBox(
            factor * box.X1,
            factor * box.Y1,
            box.X2 == reduced.Width ? picture.Width : factor * box.X2,
            box.Y2 == reduced.Height ? picture.Height : factor * box.Y2);
    }

    private static PixelBox? FindAtScale(Picture picture, double minComponentShare)
    {
        var (width, height) = (picture.Width, picture.Height);
        var count = width * height;
        var saliency = ArrayPool<byte>.Shared.Rent(count);
        var mask = ArrayPool<bool>.Shared.Rent(count);
        try
        {
            var measured = saliency.AsSpan(0, count);
            Measure(picture, measured);
            if (Threshold(measured, width, height) is not { } threshold)
                return null;
            var isBackground = BorderLevel(measured, width, height, 0.5) > threshold;
            for (var i = 0; i < count; i++)
                mask[i] = saliency[i] > threshold != isBackground;

            return mask.AsSpan(0, count).Count(true) > MaxMaskShare * count
                ? null
                : Components.BoundingBox(mask, width, height, (int)Math.Ceiling(minComponentShare * count));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(saliency);
            ArrayPool<bool>.Shared.Return(mask);
        }
    }

    // Saliency as a share of the largest, 0..255.
    private static void Measure(Picture picture, Span<byte> saliency)
    {
        var (width, height) = (picture.Width, picture.Height);
        var numbers = Picture.PixelBytes * width * height;
        var lab = ArrayPool<int>.Shared.Rent(numbers);
        var smooth = ArrayPool<int>.Shared.Rent(numbers);
        var distances = ArrayPool<float>.Shared.Rent(saliency.Length);
        try
        {
            LabTable.Convert(picture.Pixels, lab);
            Span<long> mean = [0, 0, 0];
            for (var i = 0; i < numbers; i += Picture.PixelBytes)
            {
                mean[0] += lab[i];
                mean[1] += lab[i + 1];
                mean[2] += lab[i + 2];
            }

            for (var channel = 0; channel < mean.Length; channel++)
                mean[channel] = mean[channel] * Binomial.Weight * Binomial.Weight / saliency.Length;
            Binomial.Smooth(lab, smooth, width, height, Picture.PixelBytes);

            var largest = 1f;
            for (int pixel = 0, i = 0; pixel < saliency.Length; pixel++, i += Picture.PixelBytes)
            {
                float l = smooth[i] - mean[0], a = smooth[i + 1] - mean[1], b = smooth[i + 2] - mean[2];
                distances[pixel] = MathF.Sqrt(l * l + a * a + b * b);
                largest = Math.Max(largest, distances[pixel]);
            }

            for (var pixel = 0; pixel < saliency.Length; pixel++)
                saliency[pixel] = (byte)(distances[pixel] * 255 / largest);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(lab);
            ArrayPool<int>.Shared.Return(smooth);
            ArrayPool<float>.Shared.Return(distances);
        }
    }

    private static int? Threshold(ReadOnlySpan<byte> saliency, int width, int height)
    {
        Span<int> histogram = stackalloc int[256];
        foreach (var value in saliency)
            histogram[value]++;
        var otsu = OtsuThreshold.Of(histogram);
        return otsu.Separability < MinSeparability
            ? null
            : Math.Clamp(BorderLevel(saliency, width, height, BackgroundShare), otsu.Threshold / 2, otsu.Threshold);
    }

    // The saliency that a share of the outermost pixels keeps within.
    private static int BorderLevel(ReadOnlySpan<byte> saliency, int width, int height, double share)
    {
        Span<int> histogram = stackalloc int[256];
        var count = 0;
        for (var y = 0; y < height; y++)
        {
            var step = y == 0 || y == height - 1 ? 1 : Math.Max(1, width - 1);
            for (var x = 0; x < width; x += step, count++)
                histogram[saliency[y * width + x]]++;
        }

        var level = 0;
        for (var seen = histogram[0]; seen < share * count; seen += histogram[level])
            level++;
        return level;
    }

    // Means of factor x factor pixels; what is left over at the right and at the bottom is not looked at.
    private static Picture Reduce(Picture picture, int factor)
    {
        var reduced = new Picture(picture.Width / factor, picture.Height / factor);
        var sums = new int[reduced.Width * Picture.PixelBytes];
        for (var y = 0; y < reduced.Height; y++)
        {
            Array.Clear(sums);
            for (var row = y * factor; row < (y + 1) * factor; row++)
                AddRow(picture.Row(row), factor, sums);
            var target = reduced.Row(y);
            for (var i = 0; i < sums.Length; i++)
                target[i] = (byte)(sums[i] / (factor * factor));
        }

        return reduced;
    }

    private static void AddRow(ReadOnlySpan<byte> row, int factor, Span<int> sums)
    {
        var p = 0;
        for (var i = 0; i < sums.Length; i += Picture.PixelBytes)
        {
            for (var end = p + factor * Picture.PixelBytes; p < end; p += Picture.PixelBytes)
            {
                sums[i] += row[p];
                sums[i + 1] += row[p + 1];
                sums[i + 2] += row[p + 2];
            }
        }
    }
}
