using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>What a rank saves: tensors in native memory that nobody changes until the save has returned.</summary>
public sealed record CheckpointSnapshot
{
    /// <summary>The job, noted in the files so that they can be told without their manifest.</summary>
    public required string JobId { get; init; }

    /// <summary>The generation that saves.</summary>
    public required long Generation { get; init; }

    /// <summary>Optimizer steps applied.</summary>
    public required long Step { get; init; }

    /// <summary>
    /// The attempt number that all ranks of the save use. A rank that saves alone takes the next one whose folder does not exist.
    /// </summary>
    public int FirstAttempt { get; init; } = 1;

    /// <summary>This shard's place in the set, 1-based.</summary>
    public int Shard { get; init; } = 1;

    /// <summary>Shards of the set: the ranks of the generation.</summary>
    public int ShardCount { get; init; } = 1;

    /// <summary>Whether it is the job's last, of whose files the sha256 is noted too.</summary>
    public bool IsFinal { get; init; }

    /// <summary>Weights, under their PyTorch names.</summary>
    public required IReadOnlyList<TensorSource> Weights { get; init; }

    /// <summary>Adam's m, each under the name of its weight.</summary>
    public required IReadOnlyList<TensorSource> FirstMoments { get; init; }

    /// <summary>Adam's v, each under the name of its weight.</summary>
    public required IReadOnlyList<TensorSource> SecondMoments { get; init; }

    /// <summary>What else a resume needs.</summary>
    public required TrainingState State { get; init; }

    /// <summary>Hash of all weights of the model; null when <see cref="Weights"/> are all of them and it is to be computed.</summary>
    public string? WeightsXxh128 { get; init; }

    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => Weights.Sum(t => t.Bytes) + FirstMoments.Sum(t => t.Bytes) + SecondMoments.Sum(t => t.Bytes);

    /// <summary>The part of a whole snapshot that one of <paramref name="shardCount"/> ranks writes.</summary>
    /// <param name="shard">1-based.</param>
    /// <param name="shardCount">Ranks that write.</param>
    public CheckpointSnapshot Share(int shard, int shardCount)
    {
        if (Shard != 1 || ShardCount != 1)
            throw new InvalidOperationException($"Shard {Shard} of {ShardCount} cannot be shared again.");
        var shardOf = ShardDealing.Deal([.. Weights.Concat(FirstMoments).Concat(SecondMoments).Select(t => t.Bytes)], shardCount);
        return this with
        {
            Shard = shard,
            ShardCount = shardCount,
            Weights = Mine(Weights, 0),
            FirstMoments = Mine(FirstMoments, Weights.Count),
            SecondMoments = Mine(SecondMoments, Weights.Count + FirstMoments.Count),
        };

        List<TensorSource> Mine(IReadOnlyList<TensorSource> tensors, int first)
            => [.. tensors.Where((_, index) => shardOf[first + index] == shard - 1)];
    }
}

/// <summary>What a rank made durable: the content of its report to the coordinator. Not a checkpoint until the set is committed.</summary>
/// <param name="Attempt">The attempt number.</param>
/// <param name="Directory">Name of the folder below <c>data/</c>.</param>
/// <param name="Files">This rank's files.</param>
/// <param name="WeightsXxh128">Hash of all weights: <see cref="WeightsHash"/>.</param>
public sealed record CheckpointShard(int Attempt, string Directory, IReadOnlyList<CheckpointFile> Files, string WeightsXxh128);
