namespace KaleidoDist.Contracts;

/// <summary>Ends a training whose evaluations do not get better any more.</summary>
/// <param name="Metric">What is compared: one of <see cref="ValidationMetric.Names"/>.</param>
/// <param name="Patience">Evaluations in a row without a better value after which the job ends; at least 1.</param>
/// <param name="MinDelta">By how much a value must be better than the best so far to count; 0 for by anything.</param>
public sealed record EarlyStopSpec(string Metric, int Patience, double MinDelta)
{
    /// <summary>Whether <paramref name="value"/> is enough better than <paramref name="best"/>; what is no number never is, and is bettered by every number.</summary>
    public bool IsBetter(double value, double best)
        => !double.IsNaN(value) && (double.IsNaN(best) || (ValidationMetric.HigherIsBetter(Metric) ? value > best + MinDelta : value < best - MinDelta));
}
