using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Protocol.V1;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>The micro job in this process: one rank, a run folder of its own, and a coordinator that commits what is proposed.</summary>
internal sealed class MicroTraining : IDisposable
{
    private static readonly Lazy<Contracts.DatasetManifest> TrainData = new(() => DatasetIndexer.Index(MicroJob.Spec("runs/unused").Data.Train));
    private static readonly Lazy<Contracts.DatasetManifest> ValidationData = new(() => DatasetIndexer.Index(MicroJob.Spec("runs/unused").Data.Validation!));

    private readonly TemporaryFolder folder = new();
    private readonly Dictionary<(long, long, int), CheckpointProposal[]> sets = [];
    private readonly HashSet<(long, long, int)> failed = [];
    private CheckpointHead head = CheckpointHead.Empty;

    public MicroTraining(params IEnumerable<string> overrides)
    {
        TorchRuntime.Initialize();
        Setup = new TrainerSetup
        {
            Spec = MicroJob.Spec(folder["run"], overrides), JobId = "micro", Train = TrainData.Value, Validation = ValidationData.Value,
        };
    }

    /// <summary>What is trained; replace it to resume or to stop early.</summary>
    public TrainerSetup Setup { get; set; }

    /// <summary>The run folder.</summary>
    public string Folder => Setup.RunDirectory;

    /// <summary>What is trained here, from a checkpoint of another training and in its run folder.</summary>
    public TrainerSetup From(MicroTraining other, long seq) => Setup with
    {
        Spec = Setup.Spec with { Checkpoint = Setup.Spec.Checkpoint with { Uri = other.Folder } }, ResumeSeq = seq,
    };

    /// <summary>A group of one rank.</summary>
    public ICollective Alone() => new SingleRankCollective(
        new Membership("micro", 1, [new Contracts.RankMember(0, "worker", "host", "127.0.0.1:1")], new byte[32]), Setup.Spec.Training.VirtualRanks);

    /// <summary>
    /// Takes in a shard and commits its set to the run folder when it is whole, as a coordinator does; returns the answer for all ranks, null while shards
    /// are missing.
    /// </summary>
    public CheckpointDecision? Commit(CheckpointProposal proposal)
    {
        lock (sets)
        {
            var decision = new CheckpointDecision { Generation = proposal.Generation, Step = proposal.Step, Attempt = proposal.Attempt };
            var place = (proposal.Generation, proposal.Step, proposal.Attempt);
            if (proposal.Error.Length > 0 || failed.Contains(place))
            {
                failed.Add(place);
                (decision.Error, decision.Abandoned) = (proposal.Error, true);
                return decision;
            }

            if (!sets.TryGetValue(place, out var set))
                sets.Add(place, set = new CheckpointProposal[proposal.ShardCount]);
            set[proposal.Shard - 1] = proposal;
            if (set.Any(shard => shard is null))
                return null;
            Assert.Single(set.Select(shard => (shard.WeightsXxh128, shard.ReplicaHash, shard.Directory, shard.Kind)).Distinct());
            decision.Seq = Commit(set);
            decision.Committed = true;
            return decision;
        }
    }

    private long Commit(IReadOnlyList<CheckpointProposal> set)
    {
        var whole = set[0].Clone();
        whole.Files.Clear();
        whole.Files.AddRange(set.SelectMany(shard => shard.Files));
        var lineage = new CheckpointLineage(
            new CheckpointJob
            {
                JobId = "micro", VirtualRanks = Setup.Spec.Training.VirtualRanks, GlobalBatch = Setup.Spec.Training.GlobalBatchSize, ThreadsPerRank = 1,
                DatasetFingerprint = Setup.Train.Fingerprint, Order = "windowed-v1", Seed = Setup.Spec.Seed, ConfigHash = new string('c', 64), Software = new Dictionary<string, string>(),
            },
            Generation: 1, WorldSize: set.Count, "test", head);
        var result = Assert.IsType<CommitResult.Committed>(new CheckpointCatalog(Folder, TimeProvider.System).Commit(CheckpointProposalData.FromProto(whole, generation: 1), lineage));
        head = CheckpointHead.After(result.Manifest);
        return result.Manifest.Seq;
    }

    /// <summary>Trains from the setup's beginning to its end; returns how it ended and the hash of weights and moments.</summary>
    public (TrainingEnd End, ulong Hash) Train(RecordingPort port, Func<ICollective, ICollective>? through = null)
    {
        using var state = ReplicaState.Create(Setup);
        using var collective = Alone();
        using var trainer = new Trainer(Setup, state, through?.Invoke(collective) ?? collective, port, TimeProvider.System);
        return (trainer.Run(), state.ReplicaHash());
    }

    public void Dispose() => folder.Dispose();
}
