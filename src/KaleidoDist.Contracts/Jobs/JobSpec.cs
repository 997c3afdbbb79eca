using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Contracts;

/// <summary>A validated job: what to train, on what, how. Made by <see cref="JobSpecReader"/>; every value is within its range.</summary>
public sealed record JobSpec
{
    private static readonly JsonSerializerOptions JsonFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Name of the job: letters, digits, dot, dash and underscore, at most 63.</summary>
    public required string Name { get; init; }

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Name of the preset the model sizes came from.</summary>
    public string ModelPreset { get; init; } = "kaleido-base";

    /// <summary>Sizes of the model; has no meaning in an extraction.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>What is extracted; null for a job that trains.</summary>
    public ExtractSpec? Extract { get; init; }

    /// <summary>Weights to start from, absolute: a safetensors file, a folder of them, or a run; null for those of the seed. Taken by name.</summary>
    public string? ModelInit { get; init; }

    /// <summary>Encoder layers, from the first, that are not trained, and with the first the text embeddings; 0 for none.</summary>
    public int FrozenLayers { get; init; }

    /// <summary>The data sets.</summary>
    public required DataSpec Data { get; init; }

    /// <summary>How to train.</summary>
    public required TrainingSpec Training { get; init; }

    /// <summary>Who trains.</summary>
    public WorkersSpec Workers { get; init; } = new();

    /// <summary>Where and when state is kept.</summary>
    public required CheckpointSpec Checkpoint { get; init; }

    /// <summary>When to evaluate.</summary>
    public EvaluationSpec Evaluation { get; init; } = new();

    /// <summary>The specification as JSON, for the wire and for manifests.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonFormat);

    /// <summary>Reads <see cref="ToJson"/>.</summary>
    public static JobSpec FromJson(string json)
        => JsonSerializer.Deserialize<JobSpec>(json, JsonFormat) ?? throw new JsonException("The job specification is null.");
}

/// <summary>Data sets of a job.</summary>
public sealed record DataSpec
{
    /// <summary>Training files: a path or glob pattern, made absolute.</summary>
    public required string Train { get; init; }

    /// <summary>Validation files, or null for none.</summary>
    public string? Validation { get; init; }

    /// <summary>Row groups of a shuffle window. Default 4.</summary>
    public int ShuffleWindow { get; init; } = 4;

    /// <summary>Share of rows that may fail to decode before the job refuses to go on, 0..1. Default 0.001.</summary>
    public double MaxBadRows { get; init; } = 0.001;

    /// <summary>What part of a picture is cut into patches.</summary>
    public BoxKind Box { get; init; } = BoxKind.Foreground;

    /// <summary>Vocabulary file, one WordPiece entry a line; null for the built-in bert-base-uncased.</summary>
    public string? Vocabulary { get; init; }
}

/// <summary>How gradients are summed over ranks.</summary>
public enum ReductionMode
{
    /// <summary>One fixed tree over virtual ranks: the same bits at any world size.</summary>
    Exact,

    /// <summary>The transport's own all-reduce.</summary>
    Fast,
}

/// <summary>Number format of the computation.</summary>
public enum Precision
{
    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>bfloat16 compute with single-precision weights.</summary>
    Bf16,
}

/// <summary>The training loop.</summary>
public sealed record TrainingSpec
{
    /// <summary>Samples of one optimizer step over all ranks, G; divisible by <see cref="VirtualRanks"/>.</summary>
    public int GlobalBatchSize { get; init; } = 256;

    /// <summary>Fixed slices of the global batch, V; the most ranks a job can use.</summary>
    public int VirtualRanks { get; init; } = 8;

    /// <summary>Samples of one forward and backward pass; bounds memory only.</summary>
    public int MicroBatchSize { get; init; } = 16;

    /// <summary>Passes over the data; null when <see cref="Steps"/> is given.</summary>
    public int? Epochs { get; init; }

    /// <summary>Optimizer steps; null when <see cref="Epochs"/> is given.</summary>
    public long? Steps { get; init; }

    /// <summary>Which tasks are trained, and what each counts.</summary>
    public TaskWeights Tasks { get; init; } = TaskWeights.All;

    /// <summary>Whether the tasks' weights follow their losses.</summary>
    public LossWeighting LossWeighting { get; init; } = LossWeighting.Fixed;

    /// <summary>How words and patches are chosen to be hidden.</summary>
    public MaskingKind Masking { get; init; } = MaskingKind.Aligned;

    /// <summary>Whether hidden words of a text that belongs to another picture are left out of the token loss. Default false, as the original counts them.</summary>
    public bool MaskMlmOnNegative { get; init; }

    /// <summary>The optimizer.</summary>
    public OptimizerSpec Optimizer { get; init; } = new();

    /// <summary>The learning-rate schedule.</summary>
    public ScheduleSpec Schedule { get; init; } = new();

    /// <summary>Number format.</summary>
    public Precision Precision { get; init; } = Precision.F32;

    /// <summary>How gradients are summed.</summary>
    public ReductionMode Reduction { get; init; } = ReductionMode.Exact;

    /// <summary>Whether gradients travel while the rest of them is computed, where there is more than one rank. Never changes a bit.</summary>
    public bool Overlap { get; init; } = true;

    /// <summary>Share of samples whose text comes from another product, 0..1. Default 0.5.</summary>
    public double MismatchShare { get; init; } = 0.5;

    /// <summary>Steps between comparisons of the ranks' parameter hashes. Default 100; 0 for never.</summary>
    public int VerifyEvery { get; init; } = 100;

    /// <summary>Samples of one virtual rank in a full step, G / V.</summary>
    [JsonIgnore]
    public int LeafSize => GlobalBatchSize / VirtualRanks;
}

/// <summary>The rule that turns gradients into new weights.</summary>
public sealed record OptimizerSpec
{
    /// <summary>adamw (Loshchilov and Hutter, 2019), adam (Kingma and Ba, 2015) or lamb (You et al., 2020).</summary>
    public string Name { get; init; } = "adamw";

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Decay of the first moment, 0..1.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment, 0..1.</summary>
    public double Beta2 { get; init; } = 0.98;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>Weight decay, not on biases and LayerNorm: of the weights themselves (adamw, lamb), or as L2 in the gradient (adam).</summary>
    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>Largest global gradient norm; 0 turns clipping off.</summary>
    public double ClipNorm { get; init; } = 1.0;
}

/// <summary>The learning rate over time.</summary>
public sealed record ScheduleSpec
{
    /// <summary>linear (to zero at the last step), constant, or polynomial.</summary>
    public string Name { get; init; } = "linear";

    /// <summary>Warm-up: a share of all steps when below 1, else a number of steps.</summary>
    public double Warmup { get; init; } = 0.1;

    /// <summary>Of polynomial: exponent of the share of steps that are left. 1 makes it linear.</summary>
    public double Power { get; init; } = 1;

    /// <summary>Of polynomial: the rate after the last step.</summary>
    public double EndLearningRate { get; init; }
}

/// <summary>Kind of device ranks compute on.</summary>
public enum DeviceKind
{
    /// <summary>CUDA when this build and machine have it, else CPU.</summary>
    Auto,

    /// <summary>CPU.</summary>
    Cpu,

    /// <summary>CUDA; an error where there is none.</summary>
    Cuda,
}

/// <summary>The ranks of a job.</summary>
public sealed record WorkersSpec
{
    /// <summary>Fewest ranks to train with.</summary>
    public int Min { get; init; } = 1;

    /// <summary>Most ranks; at most V.</summary>
    public int Max { get; init; } = 8;

    /// <summary>Intra-op threads of each rank; part of the exactness fingerprint.</summary>
    public int ThreadsPerRank { get; init; } = 1;

    /// <summary>Device.</summary>
    public DeviceKind Device { get; init; } = DeviceKind.Auto;

    /// <summary>
    /// How long a rank may hang (stopped, silent, or without progress while its peers wait) before the job goes on without it; it is named
    /// within 3 s in any case. Null: 1 s for a stopped process, 10 s for a silent one, the larger of 60 s and 20 steps without progress.
    /// </summary>
    public TimeSpan? HangTimeout { get; init; }
}

/// <summary>Checkpoints of a run.</summary>
public sealed record CheckpointSpec
{
    /// <summary>The run folder, absolute.</summary>
    public required string Uri { get; init; }

    /// <summary>Where checkpoints are kept if not in the run folder: <c>s3://bucket/prefix</c>, or another folder, absolute.</summary>
    public string? Store { get; init; }

    /// <summary>Whether the user vouches that nothing else ever commits to the store: one that would not notice is then accepted.</summary>
    public bool SingleWriter { get; init; }

    /// <summary>Where checkpoints are: <see cref="Store"/>, else the run folder.</summary>
    [JsonIgnore]
    public string Root => Store ?? Uri;

    /// <summary>Time between checkpoints; null when <see cref="EverySteps"/> is given, or neither: then it follows from what is measured.</summary>
    public TimeSpan? Every { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Steps between checkpoints; null when <see cref="Every"/> is given, or neither.</summary>
    public int? EverySteps { get; init; }

    /// <summary>Whether the time between checkpoints follows from what a save costs and how often it is needed (<c>every: auto</c>).</summary>
    [JsonIgnore]
    public bool IsAuto => Every is null && EverySteps is null;

    /// <summary>Newest checkpoints kept; at least 2.</summary>
    public int KeepLast { get; init; } = 3;

    /// <summary>Of every such span of time the newest checkpoint is kept; null for no such rule.</summary>
    public TimeSpan? KeepEvery { get; init; } = TimeSpan.FromHours(6);

    /// <summary>Most steps that may be repeated because newer checkpoints are damaged; 0 for none at all. Null: as many as it takes.</summary>
    public long? MaxLostSteps { get; init; }

    /// <summary>The best checkpoints by a metric are kept; null for no such rule.</summary>
    public KeepBestSpec? KeepBest { get; init; }
}

/// <summary>Evaluation while training.</summary>
public sealed record EvaluationSpec
{
    /// <summary>Steps between evaluations; 0 for only at the end.</summary>
    public int Every { get; init; }

    /// <summary>Validation samples used at most; 0 for all.</summary>
    public int Samples { get; init; }

    /// <summary>When to end a training that does not get better any more; null for never.</summary>
    public EarlyStopSpec? EarlyStop { get; init; }
}
