using System.Buffers.Binary;
using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>
/// One rank's checkpoints in one generation: when one is due, saving its shard behind the training, and hearing what became of it. Which step is
/// saved is decided in the reduction of that step, so all ranks begin the same attempt at the same border and none asks anybody (decision 0011). A
/// checkpoint that cannot be written never stops training, except the last one: a finished training without its weights on disk is a failure.
/// </summary>
internal sealed class RankCheckpoints : IDisposable
{
    /// <summary>With growing pauses, 20 seconds: a disk that is full for a moment costs no training.</summary>
    private const int FinalAttempts = 5;
    private const ulong CommitHeard = 1;
    private const ulong RoomHeard = 2;
    private static readonly TimeSpan DecisionLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(2);

    private readonly TrainerSetup setup;
    private readonly ReplicaState state;
    private readonly ICollective collective;
    private readonly ITrainingPort port;
    private readonly TimeProvider time;
    private readonly CheckpointShardWriter writer;
    private readonly Dictionary<string, double> validation = [];
    private long validatedStep = -1;
    private ShardSave? current;
    private (long Step, int Attempt) newest;
    private readonly long begun;
    private long lastSave;
    private TimeSpan onRankThread;
    private TimeSpan stallBefore;
    private long savedStep;
    private bool isCompared = true;
    private bool isOwed;

    internal RankCheckpoints(TrainerSetup setup, ReplicaState state, ICollective collective, ITrainingPort port, TimeProvider time, IStorage? storage = null)
    {
        (this.setup, this.state, this.collective, this.port, this.time) = (setup, state, collective, port, time);
        writer = new CheckpointShardWriter(setup.Spec.Checkpoint.Root, storage);
        begun = lastSave = time.GetTimestamp();
        savedStep = collective.Rank == 0 && setup.Spec.Checkpoint.EverySteps is not null ? SavedStepBefore(state.Step) : 0;
        Reserve();
    }

    /// <summary>Whether this rank is busy with an earlier checkpoint: writing its shard, or not knowing yet what became of it.</summary>
    internal bool IsBusy => current is { IsDecided: false } || state.Checkpoints.IsBusy;

    /// <summary>Checkpoints that were due while an earlier one was still on its way.</summary>
    internal long SkippedCount { get; private set; }

    /// <summary>
    /// Whether a periodic checkpoint falls on <paramref name="step"/>, or fell on one before it that a broken generation did not save or that found no room
    /// until some was made. Rank 0 alone says so.
    /// </summary>
    internal bool IsDue(long step)
    {
        if (collective.Rank != 0)
            return false;
        if (isOwed)
            return true;
        var spec = setup.Spec.Checkpoint;
        return spec.EverySteps is { } steps ? step / steps > savedStep / steps : time.GetElapsedTime(lastSave) >= (spec.Every ?? AutoInterval);
    }

    /// <summary>The time between checkpoints that follows from what was measured so far.</summary>
    internal TimeSpan AutoInterval => CheckpointInterval.Auto(
        newest.Step == 0 ? CheckpointInterval.AssumedStall : onRankThread + (state.Checkpoints.Stall - stallBefore),
        current?.ToDurable ?? TimeSpan.Zero,
        setup.Failures,
        setup.RunningTime + time.GetElapsedTime(begun));

    /// <summary>Notes validation results for the manifest of the present step; those of later steps do not have them: they were not measured.</summary>
    internal void Remember(IReadOnlyList<TaskMetric> metrics)
    {
        validatedStep = state.Step;
        validation.Clear();
        foreach (var metric in metrics)
            validation[ValidationMetric.Name(metric.Task, metric.Metric)] = metric.Value;
    }

    /// <summary>Begins to save the present step; training goes on. All ranks call it at the same border.</summary>
    internal void SavePeriodic()
    {
        Begin(CheckpointKind.Periodic);
        isCompared = collective.WorldSize == 1;
    }

    /// <summary>Leaves out the present step, since a rank is still busy with the checkpoint before. All ranks call it at the same border.</summary>
    internal void Skip()
    {
        // One that is owed is not left out: a rank still clears away what found no room.
        if (isOwed)
            return;
        SkippedCount++;
        (lastSave, savedStep) = (time.GetTimestamp(), state.Step);
        if (collective.Rank != 0)
            return;
        var inTheWay = newest.Step > 0 ? $"the checkpoint of step {newest.Step} is still on its way" : "a checkpoint of the generation before is still being written";
        port.Warn(CheckpointCodes.LeftOut, $"{inTheWay}: those that are due meanwhile are left out");
    }

    /// <summary>
    /// Hears what became of a save, and once for each compares the hashes that the ranks took of their replicas. All ranks call it at the same border, after
    /// a step; a replica that differs is healed, and the coordinator does not commit the set.
    /// </summary>
    internal void Follow()
    {
        while (port.AwaitDecision(TimeSpan.Zero) is { } decision)
            Take(decision);
        current?.ReportAgain();
        if (isCompared)
            return;
        isCompared = true;
        if (Gather(current!.ReplicaHash).Distinct().Count() > 1)
            ReplicaComparison.Heal(state, collective, port);
    }

    /// <summary>Saves the present step and waits for the commit: the job is about to give its workers back. All ranks call it.</summary>
    internal void SavePreempted()
    {
        if (SaveAndWait(CheckpointKind.Preempt, attempts: 1) is { } refusal && collective.Rank == 0)
            port.Warn("KD-R110", $"The checkpoint of step {state.Step} is not committed ({refusal}); the job will go on from the one before it.");
    }

    /// <summary>Saves the last step and waits for the commit, several times if need be. All ranks call it.</summary>
    /// <exception cref="KaleidoException">The weights are trained but not saved.</exception>
    internal void SaveFinal()
    {
        // Not tried again in a new generation: that would train everything since the newest checkpoint once more, to fail once more.
        if (SaveAndWait(CheckpointKind.Final, FinalAttempts) is { } refusal)
            throw KaleidoException.Usage($"Training reached its last step {state.Step}, but its checkpoint was not committed after {FinalAttempts} attempts: {refusal}. Mend '{setup.Spec.Checkpoint.Root}' and run the same command: it goes on from the newest checkpoint there.");
    }

    /// <summary>Gives up what is under way: the generation is over.</summary>
    public void Dispose() => current?.GiveUp();

    /// <summary>
    /// Saves until it is committed, and nobody leaves before: if a rank is lost in the middle of it, the others do it anew. Null when it is committed, else why not.
    /// </summary>
    private string? SaveAndWait(CheckpointKind kind, int attempts)
    {
        port.EnterPhase("checkpoint", state.Step);
        string? refusal = null;
        for (var attempt = 1; ; attempt++)
        {
            // All ranks have reported what they began before, so that no set is overtaken by a later one. And a rank may have heard of a commit that others did not.
            current?.AwaitReport();
            var heard = Gather(state.CommittedStep == state.Step ? CommitHeard : isOwed ? RoomHeard : 0);
            if (heard.Contains(CommitHeard))
            {
                state.CommittedStep = state.Step;
                return null;
            }

            if (attempt > (heard.Contains(RoomHeard) ? Math.Max(attempts, 2) : attempts))
                return refusal;
            if (attempt > 1)
                Task.Delay((attempt - 1) * RetryPause, time).Wait();
            Begin(kind).AwaitReport();
            refusal = Refusal();
        }
    }

    private ShardSave Begin(CheckpointKind kind)
    {
        var begin = time.GetTimestamp();
        newest = (state.Step, newest.Step == state.Step ? newest.Attempt + 1 : 1);
        (lastSave, savedStep, stallBefore, isOwed) = (begin, state.Step, state.Checkpoints.Stall, false);
        var live = state.Snapshot(setup.JobId, collective.Generation) with { FirstAttempt = newest.Attempt, IsFinal = kind == CheckpointKind.Final };
        current = new ShardSave(live, Describe(kind, newest.Attempt), state.Checkpoints, writer, port, time);
        onRankThread = time.GetElapsedTime(begin);
        return current;
    }

    /// <summary>Waits for the decision; null when the checkpoint is committed, else why not.</summary>
    private string? Refusal()
    {
        var asked = time.GetTimestamp();
        while (port.AwaitDecision(DecisionLimit - time.GetElapsedTime(asked)) is { } decision)
        {
            // A decision about a periodic checkpoint may still be on its way.
            if (Take(decision))
                return decision.Committed ? null : decision.Error;
        }

        return $"no coordinator answered within {DecisionLimit.TotalSeconds:0} s";
    }

    private bool Take(CheckpointDecision decision)
    {
        if (current?.Take(decision) is not true)
            return false;
        if (decision.Committed)
            state.CommittedStep = decision.Step;
        isOwed |= decision.SaveAgain;
        return true;
    }

    /// <summary>Touches the memory of a snapshot before the first one is due. What goes wrong shows at the first save.</summary>
    private void Reserve()
    {
        var share = state.SnapshotForm(setup.JobId, collective.Generation).Share(collective.Rank + 1, collective.WorldSize);
        _ = state.Checkpoints.Enqueue(memory =>
        {
            try
            {
                memory.Reserve(share);
            }
            catch (OutOfMemoryException error)
            {
                port.Log($"no memory for snapshots: {error.Message}");
            }
        });
    }

    private List<ulong> Gather(ulong mine)
    {
        if (collective.WorldSize == 1)
            return [mine];
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, mine);
        var all = new byte[sizeof(ulong) * collective.WorldSize];
        collective.AllGather(bytes, all);
        return [.. Enumerable.Range(0, collective.WorldSize).Select(rank => BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(rank * sizeof(ulong))))];
    }

    /// <summary>The newest checkpoint that is not ahead of a step: what a periodic save by steps counts from. Reads one manifest, as a rule.</summary>
    private long SavedStepBefore(long step)
    {
        try
        {
            return new CheckpointCatalog(setup.Spec.Checkpoint.Root, time).NewestFirst().Select(c => c.Manifest?.Step ?? long.MaxValue).FirstOrDefault(s => s <= step);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or KaleidoException)
        {
            return 0; // whether it can be written to shows at the first save
        }
    }

    private CheckpointProposal Describe(CheckpointKind kind, int attempt)
    {
        var position = setup.PositionAfter(state.Step);
        var proposal = new CheckpointProposal
        {
            Generation = collective.Generation,
            Step = state.Step,
            Epoch = position.Epoch,
            StepInEpoch = position.StepInEpoch,
            Samples = position.SampleCount,
            Attempt = attempt,
            Shard = collective.Rank + 1,
            ShardCount = collective.WorldSize,
            Kind = kind.ToString().ToLowerInvariant(),
        };
        foreach (var (name, value) in validatedStep == state.Step ? validation : [])
            proposal.Metrics[name] = value;
        return proposal;
    }
}
