namespace KaleidoDist.Coordinator;

/// <summary>When each checkpoint of a job was last read back, and what was found. After a restart of the coordinator it fills again.</summary>
internal sealed class CheckpointChecks
{
    private readonly Dictionary<long, CheckpointCheck> checks = [];

    /// <summary>The one whose turn it is: never read back before the one whose check is oldest; null when all were checked within the period.</summary>
    /// <param name="checkpoints">Those that are kept.</param>
    /// <param name="period">How often each is to be read.</param>
    /// <param name="now">The time.</param>
    internal CheckpointEntry? Due(IEnumerable<CheckpointEntry> checkpoints, TimeSpan period, DateTimeOffset now)
        => checkpoints
            .Select(entry => (Entry: entry, At: Of(entry.Seq)?.At))
            .Where(known => known.At is not { } at || now - at >= period)
            .OrderBy(known => known.At ?? DateTimeOffset.MinValue)
            .ThenBy(known => known.Entry.Seq)
            .Select(known => known.Entry)
            .FirstOrDefault();

    /// <summary>What was found of one, last; null when nobody looked.</summary>
    internal CheckpointCheck? Of(long seq) => checks.GetValueOrDefault(seq);

    /// <summary>Notes a result.</summary>
    internal void Note(long seq, CheckpointCheck check) => checks[seq] = check;

    /// <summary>Forgets those that are gone.</summary>
    internal void Keep(IReadOnlySet<long> numbers)
    {
        foreach (var gone in checks.Keys.Where(seq => !numbers.Contains(seq)).ToArray())
            checks.Remove(gone);
    }
}

/// <summary>One reading of one checkpoint.</summary>
/// <param name="At">When it was over.</param>
/// <param name="Problem">The first thing wrong with it; null when it is whole.</param>
internal sealed record CheckpointCheck(DateTimeOffset At, CheckpointFlaw? Problem);

/// <summary>Something wrong with a checkpoint.</summary>
/// <param name="Code">For example KD-S110.</param>
/// <param name="Text">One sentence.</param>
[GenerateSerializer, Immutable, Alias("kaleido.CheckpointFlaw")]
internal sealed record CheckpointFlaw([property: Id(0)] string Code, [property: Id(1)] string Text);
