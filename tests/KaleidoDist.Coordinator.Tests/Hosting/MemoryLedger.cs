using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>A run folder in memory: survives a coordinator, keeps the rules of the real one.</summary>
internal sealed class MemoryLedger : ICheckpointLedger
{
    private readonly Lock gate = new();
    private readonly HashSet<long> rotten = [];

    public List<CheckpointEntry> Entries { get; } = [];

    public List<string> Damages { get; } = [];

    /// <summary>Why the store is not fit; null when it is.</summary>
    public string? Unfit { get; set; }

    public void Probe(JobSpec spec)
    {
        if (Unfit is { } reason)
            throw KaleidoException.Usage(reason);
    }

    public JobCommand.CheckpointFound FindLatestValid(JobState job)
    {
        lock (gate)
            return new JobCommand.CheckpointFound([.. Entries.Where(e => job.ResumeSeq == 0 || e.Seq <= job.ResumeSeq)], Head(), [.. Damages], Entries.Select(e => e.Generation).DefaultIfEmpty(0).Max(), job.ResumeSeq);
    }

    public CommitOutcome Commit(JobState job, JobEffect.CommitCheckpoint proposal)
    {
        lock (gate)
        {
            if (proposal.Head.LastSeq != Head().LastSeq)
                return new CommitOutcome.Refused("someone else committed", LostLineage: true);
            var draft = proposal.Draft;
            Entries.Add(new CheckpointEntry(Entries.Count + 1, draft.Step, 0, draft.Samples, proposal.WorldSize, proposal.Generation, 1, draft.WeightsXxh128, JobSamples.Noon, draft.Kind));
            return new CommitOutcome.Committed(Entries[^1], Head());
        }
    }

    public void Rot(long seq)
    {
        lock (gate)
            rotten.Add(seq);
    }

    public CheckpointFlaw? Check(JobState job, long seq)
    {
        lock (gate)
            return rotten.Contains(seq) ? new CheckpointFlaw("KD-S110", $"Checkpoint {seq} does not verify any more") : null;
    }

    public ImmutableArray<long> Retain(JobState job, JobEffect.Retain retain) => [];

    public ImmutableArray<long> Removed(JobState job) => [];

    public FreedRoom MakeRoom(JobState job, JobEffect.MakeRoom ask) => FreedRoom.None;

    private HistoryHead Head() => Entries is [.., var last] ? new HistoryHead(last.Seq, $"hash{last.Seq}", last.Seq, []) : HistoryHead.Empty;
}
