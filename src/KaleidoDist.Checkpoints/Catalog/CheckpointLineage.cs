using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What all manifests of a job have in common.</summary>
public sealed record CheckpointJob
{
    /// <summary>The job.</summary>
    public required string JobId { get; init; }

    /// <summary>Virtual ranks, V.</summary>
    public required int VirtualRanks { get; init; }

    /// <summary>Samples of a step, G.</summary>
    public required int GlobalBatch { get; init; }

    /// <summary>Intra-op threads of a rank.</summary>
    public required int ThreadsPerRank { get; init; }

    /// <summary>Fingerprint of the data set.</summary>
    public required string DatasetFingerprint { get; init; }

    /// <summary>Name and version of the sample order.</summary>
    public required string Order { get; init; }

    /// <summary>The job's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>sha256 of the job specification, hex.</summary>
    public required string ConfigHash { get; init; }

    /// <summary>Versions of what computes.</summary>
    public required IReadOnlyDictionary<string, string> Software { get; init; }
}

/// <summary>Where a run's history stood at one moment.</summary>
/// <param name="Seq">The manifest whose state is in use; 0 for none.</param>
/// <param name="Hash">Its <see cref="CheckpointManifest.Self"/>; null for none.</param>
/// <param name="LastSeq">The highest number ever used, valid or not; 0 for none.</param>
/// <param name="Supersedes">Numbers above <paramref name="Seq"/>: found damaged, or left aside to go on from an older one.</param>
public sealed record CheckpointHead(long Seq, string? Hash, long LastSeq, IReadOnlyList<long> Supersedes)
{
    /// <summary>A run without checkpoints.</summary>
    public static CheckpointHead Empty { get; } = new(0, null, 0, []);

    /// <summary>History after a commit of one's own.</summary>
    public static CheckpointHead After(CheckpointManifest committed) => new(committed.Seq, committed.Self, committed.Seq, []);
}

/// <summary>
/// What a generation's commits continue, fixed when it starts and moved only by its own commits: a parent looked up at the time of a commit
/// could be another coordinator's, and would fork history.
/// </summary>
/// <param name="Job">What does not change over the job.</param>
/// <param name="Generation">The generation.</param>
/// <param name="WorldSize">Its ranks.</param>
/// <param name="Writer">Identity of the coordinator process.</param>
/// <param name="Head">The state it started from, or last committed.</param>
public sealed record CheckpointLineage(CheckpointJob Job, long Generation, int WorldSize, string Writer, CheckpointHead Head)
{
    /// <summary>The lineage after a commit of this generation.</summary>
    public CheckpointLineage After(CheckpointManifest committed) => this with { Head = CheckpointHead.After(committed) };
}
