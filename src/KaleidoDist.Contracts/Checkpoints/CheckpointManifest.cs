using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Protobuf.WellKnownTypes;
using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>
/// The commit record of one checkpoint: a checkpoint exists if and only if its manifest does. Immutable; numbered by
/// <see cref="Seq"/>; linked to the manifest it continues. <see cref="CheckpointManifestJson"/> has the stored form.
/// </summary>
public sealed record CheckpointManifest
{
    /// <summary>Name and version of the format.</summary>
    public const string CurrentSchema = "kaleido.checkpoint/1";

    /// <summary>Version of the format this program reads and writes.</summary>
    public const int CurrentReader = 1;

    /// <summary>Name and version of the format.</summary>
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>Lowest reader version that understands this manifest.</summary>
    public int MinReader { get; init; } = CurrentReader;

    /// <summary>Sequence number in the run, from 1; never used twice.</summary>
    public required long Seq { get; init; }

    /// <summary>Sequence number of the manifest whose state this one continues; 0 for none.</summary>
    public long ParentSeq { get; init; }

    /// <summary><see cref="Self"/> of the parent; null for none.</summary>
    public string? ParentHash { get; init; }

    /// <summary>Sequence numbers after the parent that were found damaged and are replaced by this history.</summary>
    public IReadOnlyList<long> Supersedes { get; init; } = [];

    /// <summary>The job.</summary>
    public required string JobId { get; init; }

    /// <summary>Generation that wrote it.</summary>
    public required long Generation { get; init; }

    /// <summary>Attempt of that generation at this step; with both it names the data folder.</summary>
    public required int Attempt { get; init; }

    /// <summary>Identity of the coordinator process that committed it.</summary>
    public required string Writer { get; init; }

    /// <summary>The checkpoint of another run that this one is a copy of: the first of a forked run. Null for all others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CheckpointOrigin? ForkedFrom { get; init; }

    /// <summary>Time of the commit, for people.</summary>
    public required DateTimeOffset CreatedUtc { get; init; }

    /// <summary>Why it was written.</summary>
    public required CheckpointKind Kind { get; init; }

    /// <summary>Optimizer steps applied.</summary>
    public required long Step { get; init; }

    /// <summary>Samples consumed since the job began, over all ranks.</summary>
    public required long SamplesConsumed { get; init; }

    /// <summary>Ranks at the time. A resume may use another number.</summary>
    public required int WorldSize { get; init; }

    /// <summary>Virtual ranks of the job, V.</summary>
    public required int VirtualRanks { get; init; }

    /// <summary>Samples of a step, G.</summary>
    public required int GlobalBatch { get; init; }

    /// <summary>Intra-op threads of a rank: part of what makes results repeatable.</summary>
    public required int ThreadsPerRank { get; init; }

    /// <summary>Which sample comes next.</summary>
    public required CheckpointDataState Data { get; init; }

    /// <summary>sha256 of the job specification, hex.</summary>
    public required string ConfigHash { get; init; }

    /// <summary>sha256 over names, types and shapes of all weights, hex.</summary>
    public required string ModelHash { get; init; }

    /// <summary>XXH128 over the bytes of all weights, tensors in ordinal name order, 32 lower-case hex digits.</summary>
    public required string WeightsXxh128 { get; init; }

    /// <summary>Versions of what computed it: kaleido, torchsharp, libtorch.</summary>
    public required IReadOnlyDictionary<string, string> Software { get; init; }

    /// <summary>Loss, and validation metrics when measured. NaN and infinities are stored as strings.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>All files, in ordinal name order.</summary>
    public required IReadOnlyList<CheckpointFile> Files { get; init; }

    /// <summary><c>sha256:</c> and the hash of the canonical form of everything else; null until encoded or decoded.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Self { get; init; }

    /// <summary>Top-level fields written by a newer program: kept, and not looked at.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? UnknownFields { get; init; }

    /// <summary>Epoch of the next step, 0-based.</summary>
    [JsonIgnore]
    public long Epoch => Data.Epoch;

    /// <summary>Size of all files.</summary>
    [JsonIgnore]
    public long Bytes => Files.Sum(f => f.Bytes);

    /// <summary>What status and lists show of it.</summary>
    public Proto.CheckpointInfo ToProto() => new()
    {
        Seq = Seq,
        Step = Step,
        Epoch = Epoch,
        Samples = SamplesConsumed,
        WorldSize = WorldSize,
        Generation = Generation,
        Bytes = Bytes,
        WeightsXxh128 = WeightsXxh128,
        CreatedAt = Timestamp.FromDateTimeOffset(CreatedUtc),
        Kind = CheckpointKinds.Name(Kind),
    };
}
