using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// What of a run is worth its space. Final and pinned checkpoints are kept always; the other rules look at the run's line only, not at what was superseded.
/// One that was saved because the job gave its workers back is like any other: once two newer ones are valid it has done its service.
/// </summary>
/// <param name="KeepLast">Newest checkpoints to keep; less than two counts as two.</param>
public sealed record RetentionPolicy(int KeepLast)
{
    /// <summary>Of every such span of time (in UTC, from midnight of the first of January of year 1) the newest is kept; null for no such rule.</summary>
    public TimeSpan? KeepEvery { get; init; }

    /// <summary>The best by a metric are kept; null for no such rule.</summary>
    public KeepBestSpec? KeepBest { get; init; }

    /// <summary>What a job asks for.</summary>
    public static RetentionPolicy Of(CheckpointSpec spec) => new(spec.KeepLast) { KeepEvery = spec.KeepEvery, KeepBest = spec.KeepBest };
}
