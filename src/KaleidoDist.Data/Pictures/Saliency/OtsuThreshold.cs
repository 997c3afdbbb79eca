namespace KaleidoDist.Data;

/// <summary>The threshold that separates a histogram best in two (Otsu, 1979).</summary>
/// <param name="Threshold">Values above it are the upper class.</param>
/// <param name="Separability">Variance between the two classes over all variance, 0..1: 0 for one value, 1 for two.</param>
internal readonly record struct OtsuThreshold(int Threshold, double Separability)
{
    /// <summary>The threshold of a histogram: counts of the values 0, 1, 2...</summary>
    public static OtsuThreshold Of(ReadOnlySpan<int> histogram)
    {
        double count = 0, sum = 0, squares = 0;
        for (var value = 0; value < histogram.Length; value++)
        {
            count += histogram[value];
            sum += (double)value * histogram[value];
            squares += (double)value * value * histogram[value];
        }

        var variance = squares / count - sum / count * (sum / count);
        double lowCount = 0, lowSum = 0;
        var best = new OtsuThreshold(0, 0);
        for (var value = 0; value < histogram.Length - 1; value++)
        {
            lowCount += histogram[value];
            lowSum += (double)value * histogram[value];
            var highCount = count - lowCount;
            if (lowCount == 0 || highCount == 0)
                continue;
            var distance = lowSum / lowCount - (sum - lowSum) / highCount;
            var between = lowCount / count * (highCount / count) * distance * distance;
            if (between > best.Separability * variance)
                best = new OtsuThreshold(value, between / variance);
        }

        return best;
    }
}
