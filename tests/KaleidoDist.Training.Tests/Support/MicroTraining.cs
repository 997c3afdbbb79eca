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
    private CheckpointHead head = CheckpointHead.Empty;

    public MicroTraining(params IEnumerable<string> overrides)
    {
        TorchRuntime.Initialize();
        Setup = new TrainerSetup
        {
            Spec = MicroJob.Spec(folder["run"], overrides), JobId = "micro", RunDirectory = folder["run"], Train = TrainData.Value, Validation = ValidationData.Value,
        };
    }

    /// <summary>What is trained; replace it to resume or to stop early.</summary>
    public TrainerSetup Setup { get; set; }

    /// <summary>The run folder.</summary>
    public string Folder => Setup.RunDirectory;

    /// <summary>A group of one rank.</summary>
    public ICollective Alone() => new SingleRankCollective(
        new Membership("micro", 1, [new Contracts.RankMember(0, "worker", "host", "127.0.0.1:1")], new byte[32]), Setup.Spec.Training.VirtualRanks);

    /// <summary>Commits a proposal to the run folder, as a coordinator does; returns its answer.</summary>
    public CheckpointDecision Commit(CheckpointProposal proposal)
    {
        var lineage = new CheckpointLineage(
            new CheckpointJob
            {
                JobId = "micro", VirtualRanks = Setup.Spec.Training.VirtualRanks, GlobalBatch = Setup.Spec.Training.GlobalBatchSize, ThreadsPerRank = 1,
                DatasetFingerprint = Setup.Train.Fingerprint, Order = "windowed-v1", Seed = Setup.Spec.Seed, ConfigHash = new string('c', 64), Software = new Dictionary<string, string>(),
            },
            Generation: 1, WorldSize: 1, "test", head);
        var result = Assert.IsType<CommitResult.Committed>(new CheckpointCatalog(Folder, TimeProvider.System).Commit(CheckpointProposalData.FromProto(proposal, generation: 1), lineage));
        head = CheckpointHead.After(result.Manifest);
        return new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Committed = true, Seq = result.Manifest.Seq };
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
