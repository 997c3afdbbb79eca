using KaleidoDist.Contracts;

namespace KaleidoDist.Model;

/// <summary>
/// A normal distribution cut at two standard deviations, by inversion: one uniform number makes one sample. Only additions,
/// multiplications and one division take part, so every machine gets the same bits.
/// </summary>
internal static class TruncatedNormal
{
    // Standard normal distribution at the cuts, -2 and +2.
    private const double LowerProbability = 0.022750131948179195;
    private const double UpperProbability = 1 - LowerProbability;
    private const double Cut = 2;

    /// <summary>Fills <paramref name="values"/> with samples of standard deviation <paramref name="scale"/> before the cut.</summary>
    public static void Fill(Span<float> values, double scale, ref KeyedRandom random)
    {
        const double step = (UpperProbability - LowerProbability) / (1L << 32);
        foreach (ref var value in values)
        {
            var probability = LowerProbability + ((random.NextUInt32() + 0.5) * step);
            value = (float)(scale * Math.Clamp(Quantile(probability), -Cut, Cut));
        }
    }

    /// <summary>
    /// The inverse of the standard normal distribution near its middle: P. Acklam's rational approximation, relative error below
    /// 2e-8 over the range used here.
    /// </summary>
    internal static double Quantile(double probability)
    {
        var q = probability - 0.5;
        var r = q * q;
        var numerator = (((((((((-3.969683028665376e+01 * r) + 2.209460984245205e+02) * r) - 2.759285104469687e+02) * r) + 1.383577518672690e+02) * r) - 3.066479806614716e+01) * r) + 2.506628277459239e+00;
        var denominator = (((((((((-5.447609879822406e+01 * r) + 1.615858368580409e+02) * r) - 1.556989798598866e+02) * r) + 6.680131188771972e+01) * r) - 1.328068155288572e+01) * r) + 1;
        return numerator * q / denominator;
    }
}
