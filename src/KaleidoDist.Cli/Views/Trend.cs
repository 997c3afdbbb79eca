namespace KaleidoDist.Cli;

/// <summary>
/// The course of a value over a whole run in a fixed number of points: when they are full, neighbours are averaged and each point
/// stands for twice as many steps.
/// </summary>
internal sealed class Trend
{
    /// <summary>The most points kept; even.</summary>
    internal const int Capacity = 32;

    private static readonly char[] Bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    private readonly List<double> points = new(Capacity);
    private int stepsPerPoint = 1;
    private int pendingCount;
    private double pendingSum;

    /// <summary>Averages, oldest first.</summary>
    internal IReadOnlyList<double> Points => points;

    /// <summary>Takes the next value; one that is not finite leaves the trend as it is.</summary>
    internal void Add(double value)
    {
        if (!double.IsFinite(value))
            return;
        pendingSum += value;
        if (++pendingCount < stepsPerPoint)
            return;
        points.Add(pendingSum / pendingCount);
        (pendingSum, pendingCount) = (0, 0);
        if (points.Count == Capacity)
            Halve();
    }

    /// <summary>One bar per point, at most <paramref name="width"/>, lowest point to highest; "" before two points.</summary>
    internal static string Draw(IReadOnlyList<double> points, int width)
    {
        if (points.Count < 2 || width < 1)
            return "";
        var count = Math.Min(width, points.Count);
        var columns = new double[count];
        for (var column = 0; column < count; column++)
        {
            int first = column * points.Count / count, end = (column + 1) * points.Count / count;
            columns[column] = points.Skip(first).Take(end - first).Average();
        }

        double low = columns.Min(), span = columns.Max() - low;
        return string.Concat(columns.Select(v => Bars[span > 0 ? (int)Math.Round((v - low) / span * (Bars.Length - 1)) : 0]));
    }

    private void Halve()
    {
        for (var i = 0; i < Capacity / 2; i++)
            points[i] = (points[2 * i] + points[2 * i + 1]) / 2;
        points.RemoveRange(Capacity / 2, Capacity / 2);
        stepsPerPoint *= 2;
    }
}
