using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>One checkpoint in JSON.</summary>
internal record CheckpointSummary
{
    /// <summary>Takes the values of a manifest.</summary>
    internal CheckpointSummary(CheckpointManifest manifest) => Manifest = manifest;

    /// <summary>Sequence number.</summary>
    public long Seq => Manifest.Seq;

    /// <summary>Optimizer steps applied.</summary>
    public long Step => Manifest.Step;

    /// <summary>Epoch of the next step.</summary>
    public long Epoch => Manifest.Epoch;

    /// <summary>First step of that epoch not applied.</summary>
    public long StepInEpoch => Manifest.Data.StepInEpoch;

    /// <summary>Samples consumed.</summary>
    public long Samples => Manifest.SamplesConsumed;

    /// <summary>Ranks at the time.</summary>
    public int WorldSize => Manifest.WorldSize;

    /// <summary>Generation that wrote it.</summary>
    public long Generation => Manifest.Generation;

    /// <summary>periodic, preempt or final.</summary>
    public string Kind => CheckpointKinds.Name(Manifest.Kind);

    /// <summary>Time of the commit.</summary>
    public DateTimeOffset CreatedUtc => Manifest.CreatedUtc;

    /// <summary>Size of all files.</summary>
    public long Bytes => Manifest.Bytes;

    /// <summary>Hash of the weights.</summary>
    public string WeightsXxh128 => Manifest.WeightsXxh128;

    /// <summary>Where the values come from.</summary>
    [JsonIgnore]
    protected CheckpointManifest Manifest { get; }
}

/// <summary>One checkpoint in JSON, with everything a person or test may ask.</summary>
internal sealed record CheckpointDetails : CheckpointSummary
{
    /// <summary>Takes the values of a manifest.</summary>
    internal CheckpointDetails(CheckpointManifest manifest)
        : base(manifest)
    {
    }

    /// <summary>The checkpoint it continues; 0 for none.</summary>
    public long ParentSeq => Manifest.ParentSeq;

    /// <summary>Later ones that were left aside to continue it.</summary>
    public IReadOnlyList<long> Supersedes => Manifest.Supersedes;

    /// <summary>The checkpoint of another run that this one is a copy of; null for most.</summary>
    public CheckpointOrigin? ForkedFrom => Manifest.ForkedFrom;

    /// <summary>Virtual ranks of the job.</summary>
    public int VirtualRanks => Manifest.VirtualRanks;

    /// <summary>Samples of a step.</summary>
    public int GlobalBatch => Manifest.GlobalBatch;

    /// <summary>The job's seed.</summary>
    public ulong Seed => Manifest.Data.Seed;

    /// <summary>Fingerprint of the data set.</summary>
    public string DatasetFingerprint => Manifest.Data.DatasetFingerprint;

    /// <summary>Hash of the job specification.</summary>
    public string ConfigHash => Manifest.ConfigHash;

    /// <summary>Form of the model.</summary>
    public string ModelHash => Manifest.ModelHash;

    /// <summary>Versions of what computed it.</summary>
    public IReadOnlyDictionary<string, string> Software => Manifest.Software;

    /// <summary>Loss and validation metrics.</summary>
    public IReadOnlyDictionary<string, double> Metrics => Manifest.Metrics;

    /// <summary>All files.</summary>
    public IReadOnlyList<CheckpointFile> Files => Manifest.Files;
}

/// <summary>How reports are spelt as JSON.</summary>
internal static class ReportJson
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>JSON with snake_case keys.</summary>
    internal static string Of<T>(T value) => JsonSerializer.Serialize(value, Format);
}
