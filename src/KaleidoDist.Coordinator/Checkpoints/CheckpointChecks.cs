using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>Which checkpoint of a job is to be read back next. Pure: what was found is part of the job's state.</summary>
internal static class CheckpointChecks
{
    /// <summary>The one whose turn it is: never read back before the one whose check is oldest; null when all were checked within the period.</summary>
    /// <param name="checkpoints">Those that are kept.</param>
    /// <param name="checks">The newest check of each.</param>
    /// <param name="period">How often each is to be read.</param>
    /// <param name="now">The time.</param>
    internal static CheckpointEntry? Due(IEnumerable<CheckpointEntry> checkpoints, ImmutableArray<CheckpointCheck> checks, TimeSpan period, DateTimeOffset now)
        => checkpoints
            .Select(entry => (Entry: entry, checks.FirstOrDefault(c => c.Seq == entry.Seq)?.At))
            .Where(known => known.At is not { } at || now - at >= period)
            .OrderBy(known => known.At ?? DateTimeOffset.MinValue)
            .ThenBy(known => known.Entry.Seq)
            .Select(known => known.Entry)
            .FirstOrDefault();
}

/// <summary>The newest time that all bytes of a checkpoint were read back and compared.</summary>
/// <param name="Seq">The checkpoint.</param>
/// <param name="At">When it was over.</param>
/// <param name="Problem">The first thing wrong with it; null when it was whole.</param>
internal sealed record CheckpointCheck(long Seq, DateTimeOffset At, CheckpointFlaw? Problem);

/// <summary>Something wrong with a checkpoint.</summary>
/// <param name="Code">For example KD-S110.</param>
/// <param name="Text">One sentence.</param>
[GenerateSerializer, Immutable, Alias("kaleido.CheckpointFlaw")]
internal sealed record CheckpointFlaw([property: Id(0)] string Code, [property: Id(1)] string Text);
