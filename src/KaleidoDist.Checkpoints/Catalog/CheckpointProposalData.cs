using KaleidoDist.Contracts;
using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Checkpoints;

/// <summary>What a rank says it has made durable, to be committed.</summary>
public sealed record CheckpointProposalData
{
    /// <summary>Generation of the rank.</summary>
    public required long Generation { get; init; }

    /// <summary>Attempt number of its folder.</summary>
    public required int Attempt { get; init; }

    /// <summary>Name of its folder below <c>data/</c>.</summary>
    public required string Directory { get; init; }

    /// <summary>Optimizer steps applied.</summary>
    public required long Step { get; init; }

    /// <summary>Epoch of the next step, 0-based.</summary>
    public required long Epoch { get; init; }

    /// <summary>First step of that epoch that was not applied.</summary>
    public required long StepInEpoch { get; init; }

    /// <summary>Samples consumed since the job began.</summary>
    public required long Samples { get; init; }

    /// <summary>Why it was written.</summary>
    public required CheckpointKind Kind { get; init; }

    /// <summary>All files.</summary>
    public required IReadOnlyList<CheckpointFile> Files { get; init; }

    /// <summary>Hash of the weights.</summary>
    public required string WeightsXxh128 { get; init; }

    /// <summary>Loss, and validation metrics when measured.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>The checkpoint of another run that this is a copy of; null for one that was trained here.</summary>
    public CheckpointOrigin? ForkedFrom { get; init; }

    /// <summary>Reads the wire form.</summary>
    /// <exception cref="KaleidoException">Its kind is unknown: a rank of another version.</exception>
    public static CheckpointProposalData FromProto(Proto.CheckpointProposal proto, long generation) => new()
    {
        Generation = generation,
        Attempt = proto.Attempt,
        Directory = proto.Directory,
        Step = proto.Step,
        Epoch = proto.Epoch,
        StepInEpoch = proto.StepInEpoch,
        Samples = proto.Samples,
        Kind = CheckpointKinds.Parse(proto.Kind)
            ?? throw new KaleidoException(
                $"A rank proposed a checkpoint of kind '{proto.Kind}'; expected periodic, preempt or final. Use one version of kaleido everywhere."),
        Files = [.. proto.Files.Select(CheckpointFile.FromProto)],
        WeightsXxh128 = proto.WeightsXxh128,
        Metrics = new Dictionary<string, double>(proto.Metrics),
    };
}

/// <summary>What became of a proposal.</summary>
public abstract record CommitResult
{
    private CommitResult()
    {
    }

    /// <summary>It is a checkpoint now, durable: only after this may anybody be told.</summary>
    /// <param name="Manifest">The manifest as stored.</param>
    public sealed record Committed(CheckpointManifest Manifest) : CommitResult;

    /// <summary>History went on without this lineage: another coordinator committed, or an own commit ended in doubt. Start a new generation.</summary>
    /// <param name="Seq">The number that was taken.</param>
    public sealed record LostRace(long Seq) : CommitResult;

    /// <summary>The proposal is not what it says; nothing was committed.</summary>
    /// <param name="Reason">One sentence.</param>
    public sealed record Refused(string Reason) : CommitResult;
}
