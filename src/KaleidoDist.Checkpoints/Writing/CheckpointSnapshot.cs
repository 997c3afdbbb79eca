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

    /// <summary>First attempt number to try; the next free one is used.</summary>
    public int FirstAttempt { get; init; } = 1;

    /// <summary>Weights, under their PyTorch names.</summary>
    public required IReadOnlyList<TensorSource> Weights { get; init; }

    /// <summary>Adam's m, each under the name of its weight.</summary>
    public required IReadOnlyList<TensorSource> FirstMoments { get; init; }

    /// <summary>Adam's v, each under the name of its weight.</summary>
    public required IReadOnlyList<TensorSource> SecondMoments { get; init; }

    /// <summary>What else a resume needs.</summary>
    public required TrainingState State { get; init; }
}

/// <summary>What a rank made durable: the content of its proposal to the coordinator. Not a checkpoint until committed.</summary>
/// <param name="Attempt">The attempt number that was free.</param>
/// <param name="Directory">Name of the folder below <c>data/</c>.</param>
/// <param name="Files">All files.</param>
/// <param name="WeightsXxh128">Hash of the weights: <see cref="WeightsHash"/>.</param>
public sealed record CheckpointShard(int Attempt, string Directory, IReadOnlyList<CheckpointFile> Files, string WeightsXxh128);
