namespace KaleidoDist.Cli;

/// <summary>One curve: values over steps, without those that are not finite.</summary>
/// <param name="Steps">Ascending.</param>
/// <param name="Values">As many.</param>
internal sealed record CurveSeries(double[] Steps, double[] Values)
{
    /// <summary>A curve of a value of each record; records where it is null or not finite are left out.</summary>
    internal static CurveSeries Of<T>(IEnumerable<T> records, Func<T, long> step, Func<T, double?> value)
    {
        var points = records.Select(r => (Step: (double)step(r), Value: value(r) ?? double.NaN)).Where(p => double.IsFinite(p.Value)).ToList();
        return new CurveSeries([.. points.Select(p => p.Step)], [.. points.Select(p => p.Value)]);
    }

    /// <summary>The curve in at most <paramref name="count"/> points, each the mean of as many neighbours as the others, give or take one.</summary>
    internal CurveSeries Thinned(int count)
    {
        if (Steps.Length <= count)
            return this;
        double[] steps = new double[count], values = new double[count];
        for (var i = 0; i < count; i++)
        {
            var range = (int)((long)i * Steps.Length / count)..(int)((long)(i + 1) * Steps.Length / count);
            (steps[i], values[i]) = (Steps[range].Average(), Values[range].Average());
        }

        return new CurveSeries(steps, values);
    }

    /// <summary>Each value replaced by the mean of itself and up to <paramref name="reach"/> neighbours on either side.</summary>
    internal CurveSeries Smoothed(int reach)
    {
        var sums = new double[Values.Length + 1];
        for (var i = 0; i < Values.Length; i++)
            sums[i + 1] = sums[i] + Values[i];
        return this with
        {
            Values = [.. Enumerable.Range(0, Values.Length).Select(i =>
            {
                int first = Math.Max(0, i - reach), end = Math.Min(Values.Length, i + reach + 1);
                return (sums[end] - sums[first]) / (end - first);
            })],
        };
    }
}
