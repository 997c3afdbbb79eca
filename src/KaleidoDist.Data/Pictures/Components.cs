using System.Buffers;

namespace KaleidoDist.Data;

/// <summary>Connected components of a mask, where pixels up to two apart are connected (3 x 3 closing of one-pixel gaps).</summary>
internal static class Components
{
    private const int Reach = 2;

    /// <summary>Bounding box of all components of at least <paramref name="minArea"/> pixels; null when there is none.</summary>
    public static PixelBox? BoundingBox(ReadOnlySpan<bool> mask, int width, int height, int minArea)
    {
        // A component's root is its first pixel; parents never point forward.
        var parents = ArrayPool<int>.Shared.Rent(width * height);
        var areas = ArrayPool<int>.Shared.Rent(width * height);
        try
        {
            Connect(mask, parents, areas, width, height);
            return Bound(mask, parents, areas, width, height, minArea);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(parents);
            ArrayPool<int>.Shared.Return(areas);
        }
    }

    private static void Connect(ReadOnlySpan<bool> mask, Span<int> parents, Span<int> areas, int width, int height)
    {
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var pixel = y * width + x;
                if (!mask[pixel])
                    continue;
                (parents[pixel], areas[pixel]) = (pixel, 1);

                // Inside an area the left neighbour is connected with everything within reach but the right-most column.
                var leftJoined = x > 0 && mask[pixel - 1];
                if (leftJoined)
                    Join(parents, areas, pixel - 1, pixel);
                else if (x > 1 && mask[pixel - 2])
                    Join(parents, areas, pixel - 2, pixel);
                for (var above = y - 1; above >= Math.Max(0, y - Reach); above--)
                {
                    var first = leftJoined ? x + Reach : Math.Max(0, x - Reach);
                    for (var column = first; column <= Math.Min(width - 1, x + Reach); column++)
                    {
                        if (mask[above * width + column])
                            Join(parents, areas, above * width + column, pixel);
                    }
                }
            }
        }
    }

    private static PixelBox? Bound(ReadOnlySpan<bool> mask, Span<int> parents, ReadOnlySpan<int> areas, int width, int height, int minArea)
    {
        int left = width, top = height, right = -1, bottom = -1;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var pixel = y * width + x;
                if (!mask[pixel] || areas[Root(parents, pixel)] < minArea)
                    continue;
                (left, right) = (Math.Min(left, x), Math.Max(right, x));
                (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y));
            }
        }

        return right < 0 ? null : new PixelBox(left, top, right + 1, bottom + 1);
    }

    private static void Join(Span<int> parents, Span<int> areas, int a, int b)
    {
        var (rootA, rootB) = (Root(parents, a), Root(parents, b));
        if (rootA == rootB)
            return;
        var (first, second) = rootA < rootB ? (rootA, rootB) : (rootB, rootA);
        parents[second] = first;
        areas[first] += areas[second];
    }

    private static int Root(Span<int> parents, int pixel)
    {
        while (parents[pixel] != pixel)
            pixel = parents[pixel] = parents[parents[pixel]];
        return pixel;
    }
}
