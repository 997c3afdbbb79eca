using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>Jobs and commands that tests begin with.</summary>
internal static class JobSamples
{
    public const long TotalSteps = 40;

    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static JobSpec Spec(int min = 1, int max = 4, long steps = TotalSteps, string run = "/runs/one") => new()
    {
        Name = "sample",
        ModelPreset = "kaleido-tiny",
        Model = ModelConfig.Preset("kaleido-tiny")!,
        Data = new DataSpec { Train = "/data/train" },
        Training = new TrainingSpec { GlobalBatchSize = 32, VirtualRanks = 8, Steps = steps },
        Workers = new WorkersSpec { Min = min, Max = max },
        Checkpoint = new CheckpointSpec { Uri = run, KeepLast = 2 },
    };

    /// <summary>A job whose steps are row groups on disk.</summary>
    public static JobSpec Extraction { get; } = Spec() with { Extract = new ExtractSpec { Output = "/bank" } };

    public static JobCommand.Submit Submit(JobSpec? spec = null, string key = "k1", long stopAfter = 0)
    {
        spec ??= Spec();
        return new JobCommand.Submit(spec, TrainingExtent.Of(spec, 1000), new JobDatasets("train", "fingerprint", null), stopAfter, key);
    }

    public static CheckpointEntry Entry(long seq, long step, long generation) => new(seq, step, 0, step * 32, 2, generation, 100, "00", Noon, "periodic");

    /// <summary>One shard of a save, without files.</summary>
    public static CheckpointDraft Draft(long step, int attempt = 1, string kind = "periodic", int shard = 1, int of = 1)
        => new(step, 0, step, step * 32, attempt, "d", [], "00", kind, []) { Shard = shard, ShardCount = of };

    public static ImmutableArray<SlotSeat> Slots(long firstMember, params string[] workers) => [.. workers.Select((w, i) => new SlotSeat(firstMember + i, w, Host(w)))];

    /// <summary>A worker's machine: "a1" and "a2" are both on a.</summary>
    public static string Host(string worker) => worker[..1];

    public static ImmutableArray<EnvironmentItem> Environment(string capability = "AVX2") => [new("build", "1.0"), new("cpu_capability", capability)];
}
