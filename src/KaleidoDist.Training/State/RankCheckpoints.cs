using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>
/// Rank 0's checkpoints: when one is due, writing it, proposing it. A checkpoint that cannot be written never stops training, except
/// the last one: a finished training without its weights on disk is a failure.
/// </summary>
internal sealed class RankCheckpoints(TrainerSetup setup, ReplicaState state, ICollective collective, ITrainingPort port, TimeProvider time)
{
    private const int FinalAttempts = 3;
    private static readonly TimeSpan DecisionLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(2);

    private readonly CheckpointShardWriter writer = new(setup.RunDirectory);
    private readonly Dictionary<string, double> validation = [];
    private long lastSave = time.GetTimestamp();
    private long savedStep = NewestStepIn(setup.RunDirectory, state.Step, time);

    /// <summary>Whether a periodic checkpoint falls on <paramref name="step"/>, or fell on one before it that a lost rank 0 did not save.</summary>
    internal bool IsDue(long step)
    {
        var spec = setup.Spec.Checkpoint;
        return spec.EverySteps is { } steps ? step / steps > savedStep / steps : time.GetElapsedTime(lastSave) >= spec.Every;
    }

    /// <summary>Notes validation results for the next manifests.</summary>
    internal void Remember(IReadOnlyList<TaskMetric> metrics)
    {
        foreach (var metric in metrics)
            validation[$"validation.{metric.Task}.{metric.Metric}"] = metric.Value;
    }

    /// <summary>Writes and proposes; training goes on without waiting for the answer.</summary>
    internal void SavePeriodic() => TryWrite(CheckpointKind.Periodic);

    /// <summary>Writes, proposes and waits for the commit: the job is about to give its workers back.</summary>
    internal void SavePreempted()
    {
        if (state.CommittedStep == state.Step || TryWrite(CheckpointKind.Preempt) is not { } proposal)
            return;
        if (Refusal(proposal) is { } refusal)
            port.Warn("KD-R110", $"The checkpoint of step {state.Step} is not committed ({refusal}); the job will go on from the one before it.");
    }

    /// <summary>Writes the last checkpoint and waits for its commit, several times if need be.</summary>
    /// <exception cref="KaleidoException">The weights are trained but not saved.</exception>
    internal void SaveFinal()
    {
        if (state.CommittedStep == state.Step)
            return;
        var refusal = "it could not be written";
        for (var attempt = 1; attempt <= FinalAttempts; attempt++)
        {
            if (TryWrite(CheckpointKind.Final) is { } proposal)
            {
                if (Refusal(proposal) is not { } reason)
                    return;
                refusal = reason;
            }

            if (attempt < FinalAttempts)
                Task.Delay(RetryPause, time).Wait();
        }

        // Not tried again in a new generation: that would train everything since the newest checkpoint once more, to fail once more.
        throw KaleidoException.Usage($"Training reached its last step {state.Step}, but its checkpoint was not committed after {FinalAttempts} attempts: {refusal}. Mend '{setup.RunDirectory}' and run the same command: it goes on from the newest checkpoint there.");
    }

    /// <summary>Writes and proposes; null, with a warning, when it could not be written.</summary>
    private CheckpointProposal? TryWrite(CheckpointKind kind)
    {
        port.EnterPhase("checkpoint", state.Step);
        lastSave = time.GetTimestamp();
        savedStep = state.Step;
        try
        {
            var shard = writer.Write(state.Snapshot(setup.JobId, collective.Generation));
            port.Log($"wrote the checkpoint of step {state.Step}: {shard.Files.Sum(f => f.Bytes):N0} bytes in {time.GetElapsedTime(lastSave).TotalSeconds:0.00} s");
            var proposal = Describe(shard, kind);
            port.Propose(proposal);
            return proposal;
        }
        catch (CheckpointWriteException error)
        {
            port.Warn(error.Code, error.Message[(error.Code.Length + 1)..]);
            return null;
        }
    }

    /// <summary>Waits for the answer; null when the checkpoint is committed, else why not.</summary>
    private string? Refusal(CheckpointProposal proposal)
    {
        var asked = time.GetTimestamp();
        while (port.AwaitDecision(DecisionLimit - time.GetElapsedTime(asked)) is { } decision)
        {
            // An answer to a periodic checkpoint may still be on its way.
            if (decision.Step != proposal.Step || decision.Attempt != proposal.Attempt)
                continue;
            if (decision.Committed)
                state.CommittedStep = decision.Step;
            return decision.Committed ? null : decision.Error;
        }

        return $"no coordinator answered within {DecisionLimit.TotalSeconds:0} s";
    }

    private static long NewestStepIn(string runDirectory, long step, TimeProvider time)
    {
        try
        {
            return new CheckpointCatalog(runDirectory, time).List().Select(c => c.Manifest?.Step ?? 0).Where(s => s <= step).DefaultIfEmpty().Max();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or KaleidoException)
        {
            return 0; // whether it can be written to shows at the first save
        }
    }

    private CheckpointProposal Describe(CheckpointShard shard, CheckpointKind kind)
    {
        var position = setup.PositionAfter(state.Step);
        var proposal = new CheckpointProposal
        {
            Step = state.Step,
            Epoch = position.Epoch,
            StepInEpoch = position.StepInEpoch,
            Samples = position.SampleCount,
            Attempt = shard.Attempt,
            Directory = shard.Directory,
            WeightsXxh128 = shard.WeightsXxh128,
            Kind = kind.ToString().ToLowerInvariant(),
        };
        proposal.Files.AddRange(shard.Files.Select(f => new Protocol.V1.CheckpointFile { Name = f.Name, Bytes = f.Bytes, Xxh128 = f.Xxh128, Tensors = f.Tensors }));
        foreach (var (name, value) in validation)
            proposal.Metrics[name] = value;
        return proposal;
    }
}
