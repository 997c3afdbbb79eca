using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training.Tests;

/// <summary>When a rank saves, and what it makes of the answers.</summary>
public sealed class RankCheckpointsTests : IDisposable
{
    private readonly InstantTime time = new();
    private readonly List<IDisposable> owned = [];
    private readonly List<RecordingPort> ports = [];
    private ReplicaState? state;
    private string? folder;

    [Fact]
    public void ACheckpointIsDueEverySoManySteps()
    {
        var checkpoints = Create(new RecordingPort(), "checkpoint.every=10");
        var saved = new List<long>();
        for (var step = 1L; step <= 30; step++)
        {
            if (!checkpoints.IsDue(step))
                continue;
            saved.Add(state!.Step = step);
            checkpoints.SavePeriodic();
        }

        Assert.Equal([10L, 20L, 30L], saved);
    }

    [Fact]
    public void ACheckpointThatABrokenGenerationDidNotSaveIsDueAtOnce()
    {
        var checkpoints = Create(new RecordingPort(), "checkpoint.every=10", step: 24);
        Assert.True(checkpoints.IsDue(25));
        checkpoints.SavePeriodic();
        Assert.False(checkpoints.IsDue(29));
        Assert.True(checkpoints.IsDue(30));
    }

    [Fact]
    public void ACheckpointIsDueSoLongAfterTheOneBefore()
    {
        var checkpoints = Create(new RecordingPort(), "checkpoint.every=60s");
        Assert.False(checkpoints.IsDue(1));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.False(checkpoints.IsDue(2));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(checkpoints.IsDue(3));
        checkpoints.SavePeriodic();
        Assert.False(checkpoints.IsDue(4));
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.True(checkpoints.IsDue(5));
    }

    [Fact]
    public void WhereTheIntervalIsLeftOpenItFollowsFromTheStallThatWasMeasured()
    {
        var checkpoints = Create(new RecordingPort(), "checkpoint.every=auto");
        Assert.Equal(75.9, checkpoints.AutoInterval.TotalSeconds, 1);
        time.Advance(TimeSpan.FromSeconds(75));
        Assert.False(checkpoints.IsDue(1));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(checkpoints.IsDue(2));
        state!.Step = 2;
        checkpoints.SavePeriodic();
        state.Checkpoints.AwaitSnapshot();
        AwaitLane();
        Assert.InRange(checkpoints.AutoInterval.TotalSeconds, 30, 70); // a small model is copied in less than what was assumed
    }

    [Fact]
    public void APeriodicCheckpointIsProposedWithItsPlaceInTheDataAndNotWaitedFor()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, step: 151); // 2,379 rows: 149 steps of 16 an epoch
        checkpoints.Remember([new TaskMetric { Task = "mlm", Metric = "loss", Value = 7.5 }]);
        checkpoints.SavePeriodic();
        AwaitLane();
        var proposal = Assert.Single(port.Proposals);
        Assert.Equal((151L, 1L, 2L, 2379L + (2 * 16), "periodic"), (proposal.Step, proposal.Epoch, proposal.StepInEpoch, proposal.Samples, proposal.Kind));
        Assert.Equal(7.5, proposal.Metrics["validation.mlm.loss"]);
        Assert.Equal((1L, 1, 1, 1, ""), (proposal.Generation, proposal.Attempt, proposal.Shard, proposal.ShardCount, proposal.Error));
        Assert.Equal(32, proposal.WeightsXxh128.Length);
        Assert.Equal(0, port.Waits);
    }

    [Fact]
    public void ARankIsBusyUntilItHearsWhatBecameOfItsCheckpoint()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, step: 10);
        AwaitLane();
        Assert.False(checkpoints.IsBusy);
        checkpoints.SavePeriodic();
        Assert.True(checkpoints.IsBusy);
        AwaitLane();
        Assert.True(checkpoints.IsBusy); // written, but nobody knows whether it is a checkpoint
        port.Deliver(new CheckpointDecision { Generation = 0, Step = 10, Attempt = 1, Committed = true, Seq = 7 });
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 2, Committed = true, Seq = 8 });
        checkpoints.Follow();
        Assert.True(checkpoints.IsBusy); // these were about others
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 1, Committed = true, Seq = 9 });
        checkpoints.Follow();
        Assert.False(checkpoints.IsBusy);
        Assert.Equal(10, state!.CommittedStep);
    }

    [Fact]
    public void AReportThatNobodyAnswersIsMadeAgainUntilSomebodyDoes()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, step: 10);
        checkpoints.SavePeriodic();
        AwaitLane();
        time.Advance(TimeSpan.FromSeconds(9));
        checkpoints.Follow();
        Assert.Single(port.Proposals);
        time.Advance(TimeSpan.FromSeconds(1));
        checkpoints.Follow();
        checkpoints.Follow();
        Assert.Equal(2, port.Proposals.Count);
        Assert.Equal(port.Proposals[0], port.Proposals[1]);
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 1, Committed = true, Seq = 9 });
        time.Advance(TimeSpan.FromSeconds(60));
        checkpoints.Follow();
        Assert.Equal(2, port.Proposals.Count);
    }

    [Fact]
    public void ACheckpointThatIsDueWhileOneIsOnItsWayIsLeftOutAndCounted()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, "checkpoint.every=10", step: 10);
        checkpoints.SavePeriodic();
        state!.Step = 20;
        Assert.True(checkpoints.IsDue(20));
        checkpoints.Skip();
        Assert.Equal(1, checkpoints.SkippedCount);
        Assert.Equal(("KD-S106", "the checkpoint of step 10 is still on its way: those that are due meanwhile are left out"), Assert.Single(port.Warnings));
        Assert.False(checkpoints.IsDue(29));
        Assert.True(checkpoints.IsDue(30));
    }

    [Fact]
    public void TheStateMayChangeAsSoonAsItIsCopiedAndTheFilesHoldWhatItWas()
    {
        var storage = new GatedStorage();
        var checkpoints = Create(new RecordingPort(), step: 10, storage: storage);
        var weights = WeightsHash.Compute(state!.Snapshot("micro", 1).Weights);
        checkpoints.SavePeriodic();
        state.Checkpoints.AwaitSnapshot(); // what an update does first
        using (TorchSharp.torch.no_grad())
            state.Parameters.Weights.add_(1); // returns the very tensor
        Assert.NotEqual(weights, WeightsHash.Compute(state.Snapshot("micro", 1).Weights));
        storage.Open();
        AwaitLane();
        Assert.Equal(weights, ports[0].Proposals.Single().WeightsXxh128);
    }

    [Fact]
    public void ASaveThatItsGenerationGivesUpReportsNothingAndLeavesNothing()
    {
        var storage = new GatedStorage();
        var port = new RecordingPort();
        var checkpoints = Create(port, step: 10, storage: storage);
        checkpoints.SavePeriodic();
        storage.AwaitCreation();
        checkpoints.Dispose();
        storage.Open();
        AwaitLane();
        Assert.Empty(port.Proposals);
        Assert.Empty(Directory.GetDirectories(Path.Combine(folder!, "data")));
    }

    [Fact]
    public void TheFilesOfAnAbandonedAttemptAreRemovedAndThoseOfOneInDoubtStay()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, step: 10);
        checkpoints.SavePeriodic();
        AwaitLane();
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 1, Error = "the log could not be synced" });
        checkpoints.Follow();
        AwaitLane();
        Assert.Equal(["g0000000001-s00000010-a1"], DataFolders());

        checkpoints.SavePeriodic(); // of the same step: a name of its own
        AwaitLane();
        Assert.Equal(2, DataFolders().Length);
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 2, Error = "rank 1 has no space", Abandoned = true });
        checkpoints.Follow();
        AwaitLane();
        Assert.Equal(["g0000000001-s00000010-a1"], DataFolders());
    }

    [Fact]
    public void ASaveThatFoundNoRoomIsDueAtTheNextBorderOnceRoomWasMade()
    {
        var port = new RecordingPort();
        var checkpoints = Create(port, "checkpoint.every=10", step: 10);
        checkpoints.SavePeriodic();
        AwaitLane();
        Assert.False(checkpoints.IsDue(11));
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 1, Error = "KD-S101 No space", Abandoned = true, SaveAgain = true });
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 10, Attempt = 1, Error = "KD-S101 No space", Abandoned = true });
        checkpoints.Follow();
        AwaitLane();
        state!.Step = 11;
        Assert.True(checkpoints.IsDue(11));
        checkpoints.Skip(); // another rank is not ready yet
        Assert.Equal(0, checkpoints.SkippedCount);
        Assert.True(checkpoints.IsDue(11));

        checkpoints.SavePeriodic();

        AwaitLane();
        Assert.Equal([10L, 11L], port.Proposals.Select(proposal => proposal.Step));
        Assert.False(checkpoints.IsDue(12));
    }

    [Fact]
    public void ASaveBeforeAStopIsMadeOnceMoreWhenRoomWasMadeForIt()
    {
        var port = new RecordingPort
        {
            OnPropose = proposal => new CheckpointDecision
            {
                Step = proposal.Step, Attempt = proposal.Attempt, Committed = proposal.Attempt == 2, Error = "KD-S101 No space", Abandoned = proposal.Attempt < 2, SaveAgain = proposal.Attempt < 2,
            },
        };
        Create(port, step: 12).SavePreempted();
        Assert.Equal(["preempt", "preempt"], port.Proposals.Select(proposal => proposal.Kind));
        Assert.Empty(port.Warnings);
    }

    [Fact]
    public void TheLastCheckpointIsTriedFiveTimesAndThenTheTrainingFails()
    {
        var port = new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Error = "the disk is full" } };
        var error = Assert.Throws<KaleidoException>(Create(port, step: 30).SaveFinal);
        Assert.Equal(5, port.Proposals.Count);
        Assert.Equal(5, port.Proposals.Select(proposal => proposal.Directory).Distinct().Count());
        Assert.Contains("was not committed after 5 attempts: the disk is full", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARefusedLastCheckpointIsTriedAgainUntilItIsCommitted()
    {
        var port = new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Committed = proposal.Attempt == 2, Error = "busy" } };
        Create(port, step: 30).SaveFinal();
        Assert.Equal(["final", "final"], port.Proposals.Select(proposal => proposal.Kind));
    }

    [Fact]
    public void ALateAnswerToAnEarlierProposalIsNotTakenForTheLastOnes()
    {
        var port = new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Error = "the disk is full" } };
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 20, Attempt = 1, Committed = true, Seq = 2 });
        port.Deliver(new CheckpointDecision { Generation = 1, Step = 30, Attempt = 7, Committed = true, Seq = 3 });
        Assert.Throws<KaleidoException>(Create(port, step: 30).SaveFinal);
    }

    [Fact]
    public void AStopThatIsNotCommittedIsAWarningThatNamesTheReason()
    {
        var port = new RecordingPort();
        Create(port, step: 12).SavePreempted();
        Assert.Equal("preempt", Assert.Single(port.Proposals).Kind);
        var (code, text) = Assert.Single(port.Warnings);
        Assert.Equal("KD-R110", code);
        Assert.Equal("The checkpoint of step 12 is not committed (no coordinator answered within 30 s); the job will go on from the one before it.", text);
    }

    [Fact]
    public void AStepThatIsCommittedAlreadyIsNotSavedAgain()
    {
        var port = new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Committed = true, Seq = 1 } };
        var checkpoints = Create(port, step: 12);
        checkpoints.SavePreempted();
        checkpoints.SavePreempted();
        Assert.Single(port.Proposals);
    }

    [Fact]
    public void AFolderThatCannotBeWrittenIsReportedWhileTrainingGoesOn()
    {
        var port = new RecordingPort { OnPropose = proposal => new CheckpointDecision { Step = proposal.Step, Attempt = proposal.Attempt, Error = proposal.Error, Abandoned = true } };
        var checkpoints = Create(port, step: 10, prepare: training =>
        {
            Directory.CreateDirectory(training.Folder);
            File.WriteAllText(Path.Combine(training.Folder, "data"), "a file where a folder should be");
        });
        checkpoints.SavePeriodic();
        AwaitLane();
        Assert.StartsWith("KD-S", Assert.Single(port.Proposals).Error, StringComparison.Ordinal);
        checkpoints.Follow();
        Assert.False(checkpoints.IsBusy);
        Assert.Contains("after 5 attempts: KD-S", Assert.Throws<KaleidoException>(checkpoints.SaveFinal).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        foreach (var one in Enumerable.Reverse(owned))
            one.Dispose();
    }

    private RankCheckpoints Create(RecordingPort port, string setting = "checkpoint.every=5m", long step = 0, Action<MicroTraining>? prepare = null, IStorage? storage = null)
    {
        var training = Own(new MicroTraining(setting));
        prepare?.Invoke(training);
        folder = training.Folder;
        ports.Add(port);
        state = Own(ReplicaState.Create(training.Setup));
        state.Step = step;
        return new RankCheckpoints(training.Setup, state, Own(training.Alone()), port, time, storage);
    }

    /// <summary>Waits until all that was begun is done.</summary>
    private void AwaitLane()
    {
        if (!state!.Checkpoints.Enqueue(_ => { }).Wait(TimeSpan.FromSeconds(30)))
            Assert.Fail("The checkpoint lane did not come to this point within 30 s.");
        Assert.True(SpinWait.SpinUntil(() => !state.Checkpoints.IsBusy, TimeSpan.FromSeconds(30)));
    }

    private string[] DataFolders() => [.. Directory.GetDirectories(Path.Combine(folder!, "data")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private T Own<T>(T one)
        where T : IDisposable
    {
        owned.Add(one);
        return one;
    }
}
