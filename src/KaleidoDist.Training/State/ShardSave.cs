using System.IO.Hashing;
using KaleidoDist.Checkpoints;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Training;

/// <summary>
/// This rank's part of one attempt to save, on its way behind the training: (1) hash the replica and copy this rank's share of it, while the next step
/// computes its gradient; (2) write the share; (3) report. A save that is given up before (3) reports nothing and leaves nothing.
/// </summary>
internal sealed class ShardSave
{
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromSeconds(10);

    private readonly CheckpointSnapshot live;
    private readonly CheckpointProposal head;
    private readonly CheckpointLane lane;
    private readonly CheckpointShardWriter writer;
    private readonly ITrainingPort port;
    private readonly TimeProvider time;
    private readonly ManualResetEventSlim copied = new();
    private readonly CancellationTokenSource givenUp = new();
    private readonly Lock gate = new();
    private readonly Task done;
    private CheckpointShard? shard;
    private bool isReported;
    private long reportedAt;
    private long durableTicks;

    /// <summary>Begins. The state must not be changed before <see cref="CheckpointLane.AwaitSnapshot"/> returns.</summary>
    /// <param name="live">The whole state.</param>
    /// <param name="head">What the report says besides files and hashes: position, attempt, this rank's shard.</param>
    /// <param name="lane">Where to work.</param>
    /// <param name="writer">Writes files.</param>
    /// <param name="port">Where to report.</param>
    /// <param name="time">Measures.</param>
    internal ShardSave(CheckpointSnapshot live, CheckpointProposal head, CheckpointLane lane, CheckpointShardWriter writer, ITrainingPort port, TimeProvider time)
    {
        (this.live, this.head, this.lane, this.writer, this.port, this.time) = (live, head, lane, writer, port, time);
        lane.BeginSnapshot(copied);
        done = lane.Enqueue(Run);
    }

    /// <summary>The step that is saved.</summary>
    internal long Step => head.Step;

    /// <summary>The attempt.</summary>
    internal int Attempt => head.Attempt;

    /// <summary>Hash over weights and moments of this rank's replica. Known when the snapshot has been taken; 0 when it could not be.</summary>
    internal ulong ReplicaHash { get; private set; }

    /// <summary>Whether the coordinator has said what became of the attempt.</summary>
    internal bool IsDecided { get; private set; }

    /// <summary>Time from the beginning until this rank's files were durable; zero before.</summary>
    internal TimeSpan ToDurable => new(Interlocked.Read(ref durableTicks));

    /// <summary>Waits until this rank has reported, or given up.</summary>
    internal void AwaitReport() => done.GetAwaiter().GetResult();

    /// <summary>Takes in a decision.</summary>
    /// <returns>Whether it is about this attempt.</returns>
    internal bool Take(CheckpointDecision decision)
    {
        if ((decision.Generation, decision.Step, decision.Attempt) != (head.Generation, head.Step, head.Attempt))
            return false;
        IsDecided = true;
        if (!decision.Committed)
            GiveUp();
        if (decision.Abandoned && shard is { } orphan)
            _ = lane.Enqueue(_ => writer.Discard(orphan));
        return true;
    }

    /// <summary>Reports again what nobody has answered for long: a coordinator that could not store its answer did not send it. Receivers ignore repeats.</summary>
    internal void ReportAgain()
    {
        lock (gate)
        {
            if (!isReported || IsDecided || time.GetElapsedTime(reportedAt) < ReportPeriod)
                return;
            reportedAt = time.GetTimestamp();
        }

        port.Propose(head);
    }

    /// <summary>Stops writing as soon as may be, and does not report any more.</summary>
    internal void GiveUp()
    {
        lock (gate)
        {
            if (!isReported)
                givenUp.Cancel();
        }
    }

    private void Run(SnapshotMemory memory)
    {
        try
        {
            var begin = time.GetTimestamp();
            var share = Snapshot(memory);
            shard = writer.Write(share, givenUp.Token);
            Interlocked.Exchange(ref durableTicks, time.GetElapsedTime(begin).Ticks);
            head.Attempt = shard.Attempt;
            head.Directory = shard.Directory;
            head.WeightsXxh128 = shard.WeightsXxh128;
            head.Files.AddRange(shard.Files.Select(f => f.ToProto()));
            port.Log($"wrote shard {head.Shard} of {head.ShardCount} of the checkpoint of step {head.Step}: {shard.Files.Sum(f => f.Bytes):N0} bytes in {ToDurable.TotalSeconds:0.00} s");
            Report();
        }
        catch (OperationCanceledException)
        {
            port.Log($"gave up shard {head.Shard} of {head.ShardCount} of the checkpoint of step {head.Step}");
        }
        catch (CheckpointWriteException error)
        {
            head.Error = error.Message;
            Report();
        }
        catch (Exception error)
        {
            // Nobody waits for this thread's exceptions, and all other ranks wait for this shard.
            head.Error = $"KD-S104 Step {head.Step} was not saved: {error.GetType().Name}: {error.Message}";
            Report();
        }
        finally
        {
            copied.Set();
        }
    }

    private CheckpointSnapshot Snapshot(SnapshotMemory memory)
    {
        try
        {
            givenUp.Token.ThrowIfCancellationRequested();
            if (head.ShardCount == 1)
                return memory.Copy(live);
            // All ranks hash all of it: a replica that differs is found before it is trusted (R27).
            var weights = WeightsHash.Compute(live.Weights);
            ReplicaHash = HashOf(weights, WeightsHash.Compute(live.FirstMoments), WeightsHash.Compute(live.SecondMoments));
            head.ReplicaHash = ReplicaHash.ToString("x16");
            return memory.Copy(live.Share(head.Shard, head.ShardCount)) with { WeightsXxh128 = weights };
        }
        finally
        {
            copied.Set();
        }
    }

    private static ulong HashOf(params ReadOnlySpan<string> hashes)
    {
        var hash = new XxHash3();
        foreach (var one in hashes)
            hash.Append(Convert.FromHexString(one));
        return hash.GetCurrentHashAsUInt64();
    }

    private void Report()
    {
        lock (gate)
        {
            if (givenUp.IsCancellationRequested)
            {
                if (shard is not null)
                    writer.Discard(shard);
                return;
            }

            (isReported, reportedAt) = (true, time.GetTimestamp());
        }

        port.Propose(head);
    }
}
