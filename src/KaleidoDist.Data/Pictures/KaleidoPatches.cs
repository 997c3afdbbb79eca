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
    private const int MaxStackSide = 64;

    /// <summary>Cuts all patches of a layout (by default the 55 kaleido patches): [P, 3, side, side] in [-1, 1], red, green and blue planes.</summary>
    public static void Cut(Picture crop, int side, Span<float> patches, PatchLayout? layout = null)
    {
        layout ??= PatchLayout.Kaleido;
        var length = PatchLength(side);
        ArgumentOutOfRangeException.ThrowIfLessThan(patches.Length, layout.PatchCount * length);
        foreach (var level in layout.Levels)
        {
            for (var cell = 0; cell < level.Count; cell++)
                CutCell(crop, level.Grid, cell, side, patches.Slice((level.Offset + cell) * length, length));
        }
    }

    /// <summary>Cuts one patch: [3, side, side] in [-1, 1].</summary>
    public static void CutCell(Picture crop, int grid, int cell, int side, Span<float> patch)
    {
        var box = Cell(crop.Width, crop.Height, grid, cell);
        var rowLength = box.Width * Picture.PixelBytes;
        Span<Overlap> columns = side <= MaxStackSide ? stackalloc Overlap[side] : new Overlap[side];
        for (var x = 0; x < side; x++)
            columns[x] = Overlap.Of(x, box.Width, side);

        // One float more, so that a load of four reaches past the last pixel.
        var rented = ArrayPool<float>.Shared.Rent(rowLength + 1);
        try
        {
            var sums = rented.AsSpan(0, rowLength + 1);
            var area = 255f * box.Width * box.Height;
            for (var y = 0; y < side; y++)
            {
                SumRows(crop, box, Overlap.Of(y, box.Height, side), sums);
                AverageColumns(sums, columns, area, patch[(y * side)..], side * side);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>
    /// Positions of all patches of a crop: [P, 5] x1, x2, y1, y2 and area in the frame of the crop, in [0, 1] (paper, section 3.5).
    /// </summary>
    public static void WritePositions(int width, int height, Span<float> positions, PatchLayout? layout = null)
    {
        var i = 0;
        foreach (var level in (layout ?? PatchLayout.Kaleido).Levels)
        {
            for (var cell = 0; cell < level.Count; cell++)
            {
                var box = Cell(width, height, level.Grid, cell);
                positions[i++] = (float)box.X1 / width;
                positions[i++] = (float)box.X2 / width;
                positions[i++] = (float)box.Y1 / height;
                positions[i++] = (float)box.Y2 / height;
                positions[i++] = (float)((double)box.Width * box.Height / ((double)width * height));
            }
        }
    }

    /// <summary>Pixels of a cell. In a crop narrower than the grid has columns, cells repeat a pixel rather than being empty.</summary>
    public static PixelBox Cell(int width, int height, int grid, int cell)
    {
        var (row, column) = (cell / grid, cell % grid);
        var (x1, x2) = Range(column, width);
        var (y1, y2) = Range(row, height);
        return new PixelBox(x1, y1, x2, y2);

        (int Start, int End) Range(int index, int size)
        {
            var start = (int)((long)index * size / grid);
            return (start, Math.Max(start + 1, (int)((long)(index + 1) * size / grid)));
        }
    }

    /// <summary>Numbers of a patch: 3 x side x side.</summary>
    public static int PatchLength(int side) => 3 * side * side;

    private static void SumRows(Picture crop, PixelBox box, Overlap rows, Span<float> sums)
    {
        sums.Clear();
        for (var row = rows.First; row <= rows.Last; row++)
            AddScaled(crop.Row(box.Y1 + row).Slice(box.X1 * Picture.PixelBytes, sums.Length - 1), rows.Weight(row), sums);
    }

    private static void AverageColumns(ReadOnlySpan<float> sums, ReadOnlySpan<Overlap> columns, float area, Span<float> patch, int plane)
    {
        for (var x = 0; x < columns.Length; x++)
        {
            var overlap = columns[x];
            var sum = Vector128<float>.Zero;
            for (var column = overlap.First; column <= overlap.Last; column++)
                sum += Vector128.Create(sums.Slice(column * Picture.PixelBytes, Vector128<float>.Count)) * overlap.Weight(column);

            // sum / area is in [0, 1].
            var value = Vector128.Min(Vector128.Create(2f) * sum / area - Vector128<float>.One, Vector128<float>.One);
            patch[x] = value[0];
            patch[plane + x] = value[1];
            patch[2 * plane + x] = value[2];
        }
    }

    // sums += scale * source, eight bytes at a time.
    private static void AddScaled(ReadOnlySpan<byte> source, float scale, Span<float> sums)
    {
        var i = 0;
        for (; i <= source.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            var values = Vector256.Create(Vector128.WidenLower(Vector128.Create(source.Slice(i, Vector128<byte>.Count))), Vector128.WidenUpper(Vector128.Create(source.Slice(i, Vector128<byte>.Count))));
            var (low, high) = Vector256.Widen(values);
            Add(low, sums.Slice(i, Vector256<float>.Count));
            Add(high, sums.Slice(i + Vector256<float>.Count, Vector256<float>.Count));
        }

        for (; i < source.Length; i++)
            sums[i] += source[i] * scale;

        void Add(Vector256<uint> values, Span<float> target)
            => (Vector256.Create(target) + Vector256.ConvertToSingle(values.AsInt32()) * scale).CopyTo(target);
    }

    /// <summary>
    /// The input lines (rows or columns) under an output line: output line i of S covers [i * n / S, (i + 1) * n / S) of n. Measured in 1/S of a
    /// line, every overlap is a whole number.
    /// </summary>
    /// <param name="First">First line.</param>
    /// <param name="Last">Last line.</param>
    /// <param name="FirstWeight">Overlap with the first.</param>
    /// <param name="InnerWeight">Overlap with those between.</param>
    /// <param name="LastWeight">Overlap with the last, where it is not the first.</param>
    private readonly record struct Overlap(int First, int Last, int FirstWeight, int InnerWeight, int LastWeight)
    {
        public static Overlap Of(int line, int count, int side)
        {
            int start = line * count, end = start + count;
            int first = start / side, last = (end - 1) / side;
            return new Overlap(first, last, Math.Min(end, (first + 1) * side) - start, side, end - last * side);
        }

        public int Weight(int line) => line == First ? FirstWeight : line == Last ? LastWeight : InnerWeight;
    }
}
