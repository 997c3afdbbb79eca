namespace KaleidoDist.Cli;

/// <summary>What one stage of the data path, ours or a peer's, needed.</summary>
/// <param name="Stage">As tables name it.</param>
/// <param name="Threads">Threads, or worker processes of a peer.</param>
/// <param name="Rows">Rows of a turn.</param>
/// <param name="Seconds">One figure a turn.</param>
/// <param name="Peer">The stage of ours that a peer's is compared with; null for ours.</param>
internal sealed record DataFigure(string Stage, int Threads, long Rows, List<double> Seconds, string? Peer = null)
{
    /// <summary>Rows a second in the middle turn.</summary>
    internal double Median => Rows / StepFigure.Median(Seconds);

    /// <summary>In the slowest turn.</summary>
    internal double Slowest => Rows / Seconds.Max();

    /// <summary>In the fastest turn.</summary>
    internal double Fastest => Rows / Seconds.Min();

    /// <summary>How many times as many rows a second as another stage: the median over turns, in each of which both were measured.</summary>
    internal double FasterThan(DataFigure other) => StepFigure.Median([.. Seconds.Zip(other.Seconds, (mine, theirs) => theirs / other.Rows / (mine / Rows))]);
}
