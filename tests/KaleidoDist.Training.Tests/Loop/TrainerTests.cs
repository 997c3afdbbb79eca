using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.TestKit;

namespace KaleidoDist.Training.Tests;

/// <summary>The loop on one rank, on the shipped pictures, with the world around it played.</summary>
public sealed class TrainerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void ARunReportsEveryStepOnceAndProposesItsLastWeights()
    {
        var port = new RecordingPort();
        var (end, hash) = Train(port, "training.steps=4", "checkpoint.every=2");
        Assert.Equal(TrainingEnd.Completed, end);
        Assert.Equal([1L, 2, 3, 4], port.Steps.Select(s => s.Step));
        Assert.Equal([16L, 32, 48, 64], port.Steps.Select(s => s.Samples));
        Assert.Equal([(2L, "periodic"), (4L, "final")], port.Proposals.Select(p => (p.Step, p.Kind)));
        Assert.Equal(hash, port.Proposals[^1].WeightsXxh128);
        Assert.Equal([0L, 4], port.Validation.Select(v => v.Step).Distinct());
        Assert.Empty(port.Warnings);
    }

    [Fact]
    public void ARunThatIsStoppedAndResumedHasTheBitsOfOneThatIsNot()
    {
        var (_, whole) = Train(new RecordingPort(), "training.steps=6");
        using var other = new TemporaryFolder();
        var first = new RecordingPort { StopAfter = 2 };
        Assert.Equal(TrainingEnd.Stopped, Train(first, other, resumeSeq: 0, "training.steps=6").End);
        Assert.Equal([(3L, "preempt")], first.Proposals.Select(p => (p.Step, p.Kind)));
        var seq = Commit(other, first.Proposals[^1]);
        var second = new RecordingPort();
        Assert.Equal(whole, Train(second, other, seq, "training.steps=6").Hash);
        Assert.Equal([4L, 5, 6], second.Steps.Select(s => s.Step));
    }

    [Fact]
    public void LastWeightsThatNobodyCommitsAreAFailureAfterThreeAttempts()
    {
        var port = new RecordingPort { Answer = proposal => new Protocol.V1.CheckpointDecision { Step = proposal.Step, Error = "the disk is gone" } };
        var error = Assert.Throws<KaleidoException>(() => Train(port, "training.steps=1"));
        Assert.Contains("not committed after 3 attempts: the disk is gone", error.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], port.Proposals.Select(p => p.Attempt));
    }

    [Fact]
    public void GradientsThatAreNotFiniteChangeNothingAndEndTheJobAfterTen()
    {
        var port = new RecordingPort();
        using var state = Prepare(folder, 0, out var setup, "training.steps=20");
        using (TorchSharp.torch.no_grad())
            state.Parameters["cls.rotation.bias"].fill_(float.NaN);
        var before = state.ReplicaHash();
        var error = Assert.Throws<KaleidoException>(() => Run(setup, state, port));
        Assert.Contains("10 steps in a row", error.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Equal(10, port.Warnings.Count);
        Assert.Equal(before, state.ReplicaHash());
    }

    public void Dispose() => folder.Dispose();

    private (TrainingEnd End, string Hash) Train(RecordingPort port, params string[] overrides) => Train(port, folder, 0, overrides);

    private static (TrainingEnd End, string Hash) Train(RecordingPort port, TemporaryFolder folder, long resumeSeq, params string[] overrides)
    {
        using var state = Prepare(folder, resumeSeq, out var setup, overrides);
        var end = Run(setup, state, port);
        return (end, WeightsHash.Compute(state.Snapshot("job", 1).Weights));
    }

    private static TrainingEnd Run(TrainerSetup setup, ReplicaState state, RecordingPort port)
    {
        var membership = new Membership("job", 1, [new RankMember(0, "w", "h", "127.0.0.1:1")], new byte[32]);
        using var collective = new SingleRankCollective(membership, setup.Spec.Training.VirtualRanks);
        using var trainer = new Trainer(setup, state, collective, port, TimeProvider.System);
        return trainer.Run();
    }

    private static ReplicaState Prepare(TemporaryFolder folder, long resumeSeq, out TrainerSetup setup, params string[] overrides)
    {
        TorchRuntime.Initialize();
        var spec = MicroJob.Spec(folder["run"], overrides);
        setup = new TrainerSetup
        {
            Spec = spec,
            JobId = "job",
            Train = DatasetIndexer.Index(spec.Data.Train, CancellationToken.None),
            Validation = DatasetIndexer.Index(spec.Data.Validation!, CancellationToken.None),
            RunDirectory = spec.Checkpoint.Uri,
            ResumeSeq = resumeSeq,
        };
        return ReplicaState.Create(setup);
    }

    private static long Commit(TemporaryFolder folder, Protocol.V1.CheckpointProposal proposal)
    {
        var job = new CheckpointJob
        {
            JobId = "job", VirtualRanks = MicroJob.VirtualRanks, GlobalBatch = 16, ThreadsPerRank = 1, DatasetFingerprint = "f", Order = EpochPlan.OrderVersion,
            Seed = 42, ConfigHash = "c", Software = new Dictionary<string, string>(),
        };
        var catalog = new CheckpointCatalog(folder["run"], TimeProvider.System);
        var result = catalog.Commit(CheckpointProposalData.FromProto(proposal, 1), new CheckpointLineage(job, 1, 1, "test", CheckpointHead.Empty));
        return Assert.IsType<CommitResult.Committed>(result).Manifest.Seq;
    }
}
