using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A run folder and what a rank and a coordinator do with it.</summary>
internal sealed class Run(string folder, IStorage? storage = null, (string Name, long[] Shape)[]? form = null)
{
    public static readonly CheckpointJob Job = new()
    {
        JobId = "job-1",
        VirtualRanks = 8,
        GlobalBatch = 32,
        ThreadsPerRank = 1,
        DatasetFingerprint = new string('d', 64),
        Order = "windowed-v1",
        Seed = 42,
        ConfigHash = new string('c', 64),
        Software = new Dictionary<string, string> { ["kaleido"] = "0.1.0", ["torchsharp"] = "0.107.0" },
    };

    public static readonly FixedTime Time = new();

    public string Folder => folder;

    public CheckpointPaths Paths { get; } = new(folder);

    public CheckpointCatalog Catalog { get; } = new(folder, Time, storage);

    public CheckpointLineage Lineage { get; set; } = new(Job, Generation: 1, WorldSize: 2, "coordinator-a", CheckpointHead.Empty);

    /// <summary>The rank's part. Tensors follow from the step.</summary>
    public CheckpointProposalData Write(long step, CheckpointKind kind = CheckpointKind.Periodic)
    {
        using var weights = NativeTensors.Seeded((int)step, form);
        using var first = NativeTensors.Seeded((int)step + 1000, form);
        using var second = NativeTensors.Seeded((int)step + 2000, form);
        var shard = new CheckpointShardWriter(folder, storage).Write(new CheckpointSnapshot
        {
            JobId = Job.JobId,
            Generation = Lineage.Generation,
            Step = step,
            IsFinal = kind == CheckpointKind.Final,
            Weights = weights.Sources,
            FirstMoments = first.Sources,
            SecondMoments = second.Sources,
            State = new TrainingState(step),
        });
        return Proposal(step, shard, kind);
    }

    public CheckpointProposalData Proposal(long step, CheckpointShard shard, CheckpointKind kind = CheckpointKind.Periodic) => new()
    {
        Generation = Lineage.Generation,
        Attempt = shard.Attempt,
        Directory = shard.Directory,
        Step = step,
        Epoch = step / 100,
        StepInEpoch = step % 100,
        Samples = step * Job.GlobalBatch,
        Kind = kind,
        Files = shard.Files,
        WeightsXxh128 = shard.WeightsXxh128,
        Metrics = new Dictionary<string, double> { ["loss"] = 2.5, ["valid/mlm"] = double.NaN },
    };

    /// <summary>Rank's and coordinator's part; the checkpoint must be committed.</summary>
    public CheckpointManifest Save(long step, CheckpointKind kind = CheckpointKind.Periodic)
    {
        var manifest = Assert.IsType<CommitResult.Committed>(Catalog.Commit(Write(step, kind), Lineage)).Manifest;
        Lineage = Lineage.After(manifest);
        return manifest;
    }

    /// <summary>What a coordinator does after a restart: a new generation on the newest valid checkpoint.</summary>
    public CheckpointSelection Resume()
    {
        var selection = Catalog.FindLatestValid();
        Lineage = Lineage with { Generation = Lineage.Generation + 1, Head = selection.Head };
        return selection;
    }

    public string DataFile(CheckpointManifest manifest, string name)
        => Path.Combine(Paths.DataFolder(manifest.Generation, manifest.Step, manifest.Attempt), name);

    /// <summary>Every file that belongs to a checkpoint, its manifest first.</summary>
    public IReadOnlyList<string> FilesOf(CheckpointManifest manifest)
        => [Paths.Manifest(manifest.Seq), .. manifest.Files.Select(f => DataFile(manifest, f.Name))];

    internal sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    }
}
