using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>Smoothing by the binomial kernel 1 4 6 4 1 across and down, in whole numbers; the outermost pixels go on beyond the edge.</summary>
internal static class Binomial
{
    /// <summary>Sum of the kernel's weights in one direction: smoothed numbers are 16 x 16 times as large.</summary>
    public const int Weight = 16;

    /// <summary>Smooths interleaved numbers, <paramref name="channels"/> to a pixel.</summary>
    public static void Smooth(ReadOnlySpan<int> source, Span<int> target, int width, int height, int channels)
    {
        var length = width * channels;
        var rented = ArrayPool<int>.Shared.Rent(height * length);
        try
        {
            var across = rented.AsSpan(0, height * length);
            for (var y = 0; y < height; y++)
                Across(source.Slice(y * length, length), across.Slice(y * length, length), channels);
            for (var y = 0; y < height; y++)
                Down(across, y, height, length, target.Slice(y * length, length));
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    private static void Across(ReadOnlySpan<int> row, Span<int> target, int channels)
    {
        var (first, last) = (2 * channels, row.Length - 2 * channels);
        for (var i = 0; i < row.Length; i++)
        {
            target[i] = i >= first && i < last
                ? row[i - first] + row[i + first] + 4 * (row[i - channels] + row[i + channels]) + 6 * row[i]
                : At(row, i - first) + At(row, i + first) + 4 * (At(row, i - channels) + At(row, i + channels)) + 6 * row[i];
        }

        int At(ReadOnlySpan<int> values, int index)
            => index < 0 ? values[(index + first) % channels] : values[index < values.Length ? index : values.Length - channels + index % channels];
    }

    private static void Down(ReadOnlySpan<int> rows, int y, int height, int length, Span<int> target)
    {
        var above2 = Row(rows, y - 2);
        var above = Row(rows, y - 1);
        var here = Row(rows, y);
        var below = Row(rows, y + 1);
        var below2 = Row(rows, y + 2);
        for (var i = 0; i < target.Length; i++)
            target[i] = above2[i] + below2[i] + 4 * (above[i] + below[i]) + 6 * here[i];

        ReadOnlySpan<int> Row(ReadOnlySpan<int> all, int row) => all.Slice(Math.Clamp(row, 0, height - 1) * length, length);
    }
}
