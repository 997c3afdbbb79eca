using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>Where a run's history stood at one moment: what a commit must continue, so that nobody else's commit is taken for one's own.</summary>
/// <param name="Seq">Checkpoint whose state is in use; 0 for none.</param>
/// <param name="Hash">Hash of its manifest; null for none.</param>
/// <param name="LastSeq">Highest number ever used, valid or not.</param>
/// <param name="Supersedes">Numbers above <paramref name="Seq"/> that were found damaged.</param>
[GenerateSerializer, Immutable, Alias("kaleido.HistoryHead")]
internal sealed record HistoryHead(
    [property: Id(0)] long Seq, [property: Id(1)] string? Hash, [property: Id(2)] long LastSeq, [property: Id(3)] ImmutableArray<long> Supersedes)
{
    /// <summary>A run without checkpoints.</summary>
    public static HistoryHead Empty { get; } = new(0, null, 0, []);
}

/// <summary>One committed checkpoint of a run.</summary>
/// <param name="Seq">Its number in the run's log.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Epoch">Epochs begun before it.</param>
/// <param name="Samples">Samples consumed.</param>
/// <param name="WorldSize">Ranks that made it.</param>
/// <param name="Generation">Generation that made it.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="WeightsXxh128">Hash of all weights, hex.</param>
/// <param name="CreatedAt">When it was committed.</param>
/// <param name="Kind">periodic, preempt or final.</param>
[GenerateSerializer, Immutable, Alias("kaleido.CheckpointEntry")]
internal sealed record CheckpointEntry(
    [property: Id(0)] long Seq,
    [property: Id(1)] long Step,
    [property: Id(2)] long Epoch,
    [property: Id(3)] long Samples,
    [property: Id(4)] int WorldSize,
    [property: Id(5)] long Generation,
    [property: Id(6)] long Bytes,
    [property: Id(7)] string WeightsXxh128,
    [property: Id(8)] DateTimeOffset CreatedAt,
    [property: Id(9)] string Kind);
