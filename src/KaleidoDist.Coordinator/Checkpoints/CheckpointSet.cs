using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>
/// One attempt to save: what its ranks have reported so far. Pure. The set counts, not the number of reports; a report of another attempt never
/// counts; a set that lost one shard is given up whole. Kept in memory only: ranks report again to a coordinator that started anew.
/// </summary>
/// <param name="Generation">The generation that saves.</param>
/// <param name="Step">The step that is saved.</param>
/// <param name="Attempt">The attempt, agreed by the ranks.</param>
/// <param name="ShardCount">Ranks of the generation.</param>
internal sealed record CheckpointSet(long Generation, long Step, int Attempt, int ShardCount)
{
    /// <summary>What is there, by shard.</summary>
    public ImmutableArray<CheckpointDraft> Shards { get; init; } = [];

    /// <summary>Why nothing can become of it; null while something can.</summary>
    public string? Failure { get; init; }

    /// <summary>Whether a manifest may name it although it was refused: the storage failed in the middle of the commit.</summary>
    public bool IsInDoubt { get; init; }

    /// <summary>Takes in a report.</summary>
    /// <param name="current">The newest attempt known; null before the first.</param>
    /// <param name="generation">Generation of the report, which may save.</param>
    /// <param name="shardCount">Ranks of that generation.</param>
    /// <param name="report">What the rank says.</param>
    public static SetMove Add(CheckpointSet? current, long generation, int shardCount, CheckpointDraft report)
    {
        if (report.ShardCount != shardCount || report.Shard < 1 || report.Shard > shardCount)
            return new SetMove.Refused($"it is shard {report.Shard} of {report.ShardCount}; generation {generation} has {shardCount}");
        var set = current;
        if (set is null || set.Place.CompareTo((generation, report.Step, report.Attempt)) < 0)
            set = new CheckpointSet(generation, report.Step, report.Attempt, shardCount);
        if (set.Place != (generation, report.Step, report.Attempt))
            return new SetMove.Refused($"attempt {set.Attempt} at step {set.Step} has taken its place");
        if (set.Failure is { } known)
            return new SetMove.Refused(known) { IsAbandoned = !set.IsInDoubt };
        if (report.Error.Length > 0)
            return new SetMove.Abandoned(set.Failed(report.Error), report.Error);
        if (set.Shards.FirstOrDefault(s => s.Shard == report.Shard) is { } before)
        {
            if (!IsSame(before, report))
                return Abandon(set, $"shard {report.Shard} was reported twice, and differently");
        }
        else if (set.Shards.FirstOrDefault() is { } other && Difference(other, report) is { } difference)
        {
            return Abandon(set, difference);
        }
        else
        {
            set = set with { Shards = [.. set.Shards.Append(report).OrderBy(s => s.Shard)] };
        }

        if (set.Shards.Length < set.ShardCount)
            return new SetMove.Waiting(set);
        return set.Odd() is { } odd ? Abandon(set, odd) : new SetMove.Complete(set, set.Merged());
    }

    /// <summary>This set, which nothing can become of.</summary>
    public CheckpointSet Failed(string why) => this with { Failure = why, Shards = [] };

    private (long Generation, long Step, int Attempt) Place => (Generation, Step, Attempt);

    private static SetMove.Abandoned Abandon(CheckpointSet set, string why) => new(set.Failed(why), why);

    /// <summary>What all ranks of a save must say alike; null when they do.</summary>
    private static string? Difference(CheckpointDraft one, CheckpointDraft other)
        => (one.Directory, one.Epoch, one.StepInEpoch, one.Samples, one.Kind) == (other.Directory, other.Epoch, other.StepInEpoch, other.Samples, other.Kind)
            ? null
            : $"shard {one.Shard} is the {one.Kind} save of '{one.Directory}' after {one.Samples} samples, shard {other.Shard} the {other.Kind} save of '{other.Directory}' after {other.Samples}";

    private static bool IsSame(CheckpointDraft one, CheckpointDraft other)
        => one with { Files = [], Metrics = [] } == other with { Files = [], Metrics = [] } && one.Files.SequenceEqual(other.Files);

    /// <summary>Names the shards whose rank has other weights or moments than most; null when all have the same.</summary>
    private string? Odd()
    {
        var groups = Shards.GroupBy(s => (s.WeightsXxh128, s.ReplicaHash)).OrderByDescending(g => g.Count()).ThenBy(g => g.Min(s => s.Shard)).ToList();
        if (groups.Count == 1)
            return null;
        var odd = groups.Skip(1).SelectMany(g => g).Select(s => s.Shard - 1).Order().ToList();
        return $"KD-T110 the weights or moments of rank{(odd.Count == 1 ? "" : "s")} {string.Join(", ", odd)} differ from the other ranks'";
    }

    private CheckpointDraft Merged() => Shards[0] with { Shard = 1, ShardCount = 1, Files = [.. Shards.SelectMany(s => s.Files)] };
}

/// <summary>What a report does to a <see cref="CheckpointSet"/>.</summary>
internal abstract record SetMove
{
    /// <summary>More shards are expected.</summary>
    internal sealed record Waiting(CheckpointSet Set) : SetMove;

    /// <summary>All shards are there: to be committed. Said again for every report that comes again.</summary>
    internal sealed record Complete(CheckpointSet Set, CheckpointDraft Whole) : SetMove;

    /// <summary>Nothing can become of the attempt any more: all of its ranks are told.</summary>
    internal sealed record Abandoned(CheckpointSet Set, string Why) : SetMove;

    /// <summary>The report counts for nothing; its rank alone is told.</summary>
    internal sealed record Refused(string Why) : SetMove
    {
        /// <summary>Whether no manifest can name the attempt.</summary>
        public bool IsAbandoned { get; init; }
    }
}
