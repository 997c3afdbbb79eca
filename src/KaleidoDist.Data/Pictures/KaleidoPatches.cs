using System.Buffers;
using System.Runtime.Intrinsics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Cuts a locked crop into the 55 kaleido patches (paper, section 3.2): on level l a grid of l x l cells, cell (r, c) from
/// floor(c * W / l) to floor((c + 1) * W / l), rows alike; row-major, without overlap. Each cell is resized to S x S by exact box
/// averaging: an output pixel is the mean of the input area under it, smaller or larger than a pixel.
/// </summary>
/// <remarks>
/// Sums stay integers below 2^24 for cells up to 256 x 256, so they are exact in float32 and the same on every machine; vector and
/// scalar code multiply and add in the same order without fusing.
/// </remarks>
public static class KaleidoPatches
{
    /// <summary>Cuts all patches: [55, 3, side, side] in [-1, 1], red, green and blue planes.</summary>
    public static void Cut(Picture crop, int side, Span<float> patches)
    {
        var length = PatchLength(side);
        ArgumentOutOfRangeException.ThrowIfLessThan(patches.Length, PatchLevels.PatchCount * length);
        for (var level = 1; level <= PatchLevels.Count; level++)
        {
            for (var cell = 0; cell < PatchLevels.Size(level); cell++)
                CutCell(crop, level, cell, side, patches.Slice((PatchLevels.Offset(level) + cell) * length, length));
        }
    }

    /// <summary>Cuts one patch: [3, side, side] in [-1, 1].</summary>
    public static void CutCell(Picture crop, int level, int cell, int side, Span<float> patch)
    {
        var box = Cell(crop.Width, crop.Height, level, cell);
        var rowLength = box.Width * Picture.PixelBytes;

        // One float more, so that a load of four reaches past the last pixel.
        var rented = ArrayPool<float>.Shared.Rent(rowLength + 1);
        try
        {
            var sums = rented.AsSpan(0, rowLength + 1);
            var area = 255f * box.Width * box.Height;
            for (var y = 0; y < side; y++)
            {
                AverageRows(crop, box, y, side, sums);
                AverageColumns(sums, box.Width, y, side, area, patch);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>
    /// Positions of all patches of a crop: [55, 5] x1, x2, y1, y2 and area in the frame of the crop, in [0, 1] (paper, section 3.5).
    /// </summary>
    public static void WritePositions(int width, int height, Span<float> positions)
    {
        var i = 0;
        for (var level = 1; level <= PatchLevels.Count; level++)
        {
            for (var cell = 0; cell < PatchLevels.Size(level); cell++)
            {
                var box = Cell(width, height, level, cell);
                positions[i++] = (float)box.X1 / width;
                positions[i++] = (float)box.X2 / width;
                positions[i++] = (float)box.Y1 / height;
                positions[i++] = (float)box.Y2 / height;
                positions[i++] = (float)((double)box.Width * box.Height / ((double)width * height));
            }
        }
    }

    /// <summary>Pixels of a cell. In a crop narrower than the level has columns, cells repeat a pixel rather than being empty.</summary>
    public static PixelBox Cell(int width, int height, int level, int cell)
    {
        var (row, column) = (cell / level, cell % level);
        var (x1, x2) = Range(column, width);
        var (y1, y2) = Range(row, height);
        return new PixelBox(x1, y1, x2, y2);

        (int Start, int End) Range(int index, int size)
        {
            var start = (int)((long)index * size / level);
            return (start, Math.Max(start + 1, (int)((long)(index + 1) * size / level)));
        }
    }

    /// <summary>Numbers of a patch: 3 x side x side.</summary>
    public static int PatchLength(int side) => 3 * side * side;

    // Output row y covers input rows [y * h / side, (y + 1) * h / side). Measured in 1/side of a row, every overlap is an integer.
    private static void AverageRows(Picture crop, PixelBox box, int y, int side, Span<float> sums)
    {
        sums.Clear();
        int start = y * box.Height, end = start + box.Height;
        for (var row = start / side; row * side < end; row++)
        {
            var overlap = Math.Min(end, (row + 1) * side) - Math.Max(start, row * side);
            AddScaled(crop.Row(box.Y1 + row).Slice(box.X1 * Picture.PixelBytes, sums.Length - 1), overlap, sums);
        }
    }

    private static void AverageColumns(ReadOnlySpan<float> sums, int width, int y, int side, float area, Span<float> patch)
    {
        var plane = side * side;
        for (var x = 0; x < side; x++)
        {
            int start = x * width, end = start + width;
            var sum = Vector128<float>.Zero;
            for (var column = start / side; column * side < end; column++)
            {
                var overlap = Math.Min(end, (column + 1) * side) - Math.Max(start, column * side);
                sum += Vector128.Create(sums.Slice(column * Picture.PixelBytes, Vector128<float>.Count)) * overlap;
            }

            // sum / area is in [0, 1].
            var value = Vector128.Min(Vector128.Create(2f) * sum / area - Vector128<float>.One, Vector128<float>.One);
            var i = y * side + x;
            patch[i] = value[0];
            patch[plane + i] = value[1];
            patch[2 * plane + i] = value[2];
        }
    }

    private static void AddScaled(ReadOnlySpan<byte> source, float scale, Span<float> sums)
    {
        var i = 0;
        for (; i <= source.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            var (low, high) = Vector128.Widen(Vector128.Create(source.Slice(i, Vector128<byte>.Count)));
            Add(low, sums.Slice(i, 8));
            Add(high, sums.Slice(i + 8, 8));
        }

        for (; i < source.Length; i++)
            sums[i] += source[i] * scale;

        void Add(Vector128<ushort> values, Span<float> target)
        {
            var (low, high) = Vector128.Widen(values);
            (Vector128.Create(target[..4]) + Vector128.ConvertToSingle(low.AsInt32()) * scale).CopyTo(target);
            (Vector128.Create(target[4..]) + Vector128.ConvertToSingle(high.AsInt32()) * scale).CopyTo(target[4..]);
        }
    }
}
