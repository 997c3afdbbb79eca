using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Resizes a part of a picture to a square as networks of ImageNet expect it: a triangle filter around each output pixel's centre, one
/// input pixel wide when enlarging and as many input pixels as an output pixel covers when shrinking, so that nothing is skipped. What
/// PyTorch and Pillow call bilinear with antialiasing, in float32, columns before rows. Holds working memory: one instance per thread.
/// </summary>
public sealed class BilinearResize
{
    private readonly int side;
    private float[] columns = [];

    /// <summary>Prepares for squares of a side.</summary>
    public BilinearResize(int side)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        this.side = side;
    }

    /// <summary>Resizes a part of a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="box">The part.</param>
    /// <param name="resized">[3, side, side] receives red, green and blue in [0, 1].</param>
    public void Resize(Picture picture, PixelBox box, Span<float> resized)
    {
        var plane = box.Height * side;
        if (columns.Length < 3 * plane)
            columns = new float[3 * plane];
        Taps horizontal = new(box.Width, side), vertical = new(box.Height, side);
        for (var y = 0; y < box.Height; y++)
        {
            var row = picture.Row(box.Y1 + y).Slice(box.X1 * Picture.PixelBytes, box.Width * Picture.PixelBytes);
            for (var x = 0; x < side; x++)
            {
                var (start, weights) = horizontal.Of(x);
                float red = 0, green = 0, blue = 0;
                for (var i = 0; i < weights.Length; i++)
                {
                    var pixel = (start + i) * Picture.PixelBytes;
                    red += weights[i] * row[pixel];
                    green += weights[i] * row[pixel + 1];
                    blue += weights[i] * row[pixel + 2];
                }

                var place = (y * side) + x;
                (columns[place], columns[plane + place], columns[(2 * plane) + place]) = (red, green, blue);
            }
        }

        for (var channel = 0; channel < 3; channel++)
        {
            for (var y = 0; y < side; y++)
                WriteRow(vertical, y, columns.AsSpan(channel * plane, plane), resized.Slice(((channel * side) + y) * side, side));
        }
    }

    private void WriteRow(Taps vertical, int y, ReadOnlySpan<float> source, Span<float> row)
    {
        row.Clear();
        var (start, weights) = vertical.Of(y);
        for (var i = 0; i < weights.Length; i++)
        {
            var input = source.Slice((start + i) * side, side);
            for (var x = 0; x < side; x++)
                row[x] += weights[i] * input[x];
        }

        for (var x = 0; x < side; x++)
            row[x] = Math.Clamp(row[x] / byte.MaxValue, 0, 1);
    }

    /// <summary>The input pixels of every output pixel along one axis, and their weights, which sum to 1.</summary>
    private readonly ref struct Taps
    {
        private readonly int[] starts;
        private readonly float[][] weights;

        public Taps(int inputSize, int outputSize)
        {
            starts = new int[outputSize];
            weights = new float[outputSize][];
            var scale = (double)inputSize / outputSize;
            var support = Math.Max(scale, 1);
            for (var i = 0; i < outputSize; i++)
            {
                var center = (i + 0.5) * scale;
                var start = Math.Max(0, (int)(center - support + 0.5));
                var end = Math.Min(inputSize, (int)(center + support + 0.5));
                var raw = Enumerable.Range(start, end - start).Select(x => Math.Max(0, 1 - (Math.Abs(x + 0.5 - center) / support))).ToArray();
                var sum = raw.Sum();
                (starts[i], weights[i]) = (start, [.. raw.Select(weight => (float)(weight / sum))]);
            }
        }

        public (int Start, float[] Weights) Of(int output) => (starts[output], weights[output]);
    }
}
