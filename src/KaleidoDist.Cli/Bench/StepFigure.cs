namespace KaleidoDist.Cli;

/// <summary>What steps in one way cost: a figure a step.</summary>
/// <param name="Way">The way.</param>
/// <param name="StepSeconds">The step of the slowest rank.</param>
/// <param name="ComputeSeconds">Its forward and backward passes, by the slowest rank.</param>
/// <param name="ExposedSeconds">What was left of the reduction after them, on the rank that came last: so without waiting for others.</param>
internal sealed record StepFigure(string Way, IReadOnlyList<double> StepSeconds, IReadOnlyList<double> ComputeSeconds, IReadOnlyList<double> ExposedSeconds)
{
    /// <summary>The middle value.</summary>
    internal static double Median(IReadOnlyList<double> values)
    {
        double[] ordered = [.. values.Order()];
        var middle = ordered.Length / 2;
        return ordered.Length % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
    }

    /// <summary>
    /// How much longer steps of this way take than steps of <paramref name="other"/>: the median over turns, in each of which both were measured.
    /// </summary>
    internal double SlowerThan(StepFigure other)
        => Median([.. StepSeconds.Zip(other.StepSeconds, (mine, theirs) => mine / theirs - 1)]);
}
