using KaleidoDist.Collectives;
using KaleidoDist.Data;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>Reports of one rank of an extraction: rounds of its own, and from rank 0 the rows of all ranks and their rate.</summary>
internal sealed class ExtractionProgress(RowGroupTable table, ICollective collective, ITrainingPort port, TimeProvider time)
{
    /// <summary>How long a rank extracts before it hears of the others.</summary>
    internal static readonly TimeSpan RoundTime = TimeSpan.FromSeconds(1);

    /// <summary>Rounds that the rate is taken over.</summary>
    private const int RateWindow = 30;

    private readonly Queue<(long At, long Rows)> rounds = new();

    /// <summary>Reports a round.</summary>
    /// <param name="sum">Of all ranks.</param>
    /// <param name="compute">What this rank computed of it.</param>
    /// <param name="total">How long it took.</param>
    internal void Report(ExtractionRound sum, TimeSpan compute, TimeSpan total)
    {
        rounds.Enqueue((time.GetTimestamp(), sum.Rows));
        if (rounds.Count > RateWindow)
            rounds.Dequeue();
        var (since, before) = rounds.Peek();
        var seconds = time.GetElapsedTime(since).TotalSeconds;
        var times = new StepTimes(TimeSpan.Zero, compute, total - compute, total);
        port.ReportStep(sum.Groups, times, collective.Rank > 0 ? null : new StepMetrics
        {
            Step = sum.Groups,
            Epoch = sum.Rows / (double)table.RowCount,
            Samples = sum.Rows,
            StepSeconds = total.TotalSeconds,
            ComputeSeconds = compute.TotalSeconds,
            ReduceSeconds = (total - compute).TotalSeconds,
            Generation = collective.Generation,
            WorldSize = collective.WorldSize,
            ReplacedSamples = sum.BadRows,
            SamplesPerSecond = seconds > 0 ? (sum.Rows - before) / seconds : 0,
        });
    }
}
