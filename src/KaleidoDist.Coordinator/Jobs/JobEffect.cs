using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>What the job's grain does after it wrote the state. Every effect may be done twice without harm.</summary>
internal abstract record JobEffect
{
    /// <summary>Search the run folder for the newest valid checkpoint.</summary>
    internal sealed record FindCheckpoint(string RunDirectory) : JobEffect;

    /// <summary>Ask for slots: at least <paramref name="Need"/>, at most <paramref name="Max"/>.</summary>
    internal sealed record AcquireSlots(long Generation, int Need, int Max) : JobEffect;

    /// <summary>Withdraw the ask of a generation and give back slots it was dealt but never used.</summary>
    internal sealed record ReleaseSlots(long Generation) : JobEffect;

    /// <summary>Tell the pool, after a restart, which slots the generation holds.</summary>
    internal sealed record AdoptSlots(long Generation, ImmutableArray<RankSeat> Seats) : JobEffect;

    /// <summary>Start ranks as processes of a worker.</summary>
    internal sealed record StartRanks(string WorkerId, long Generation, int WorldSize, ImmutableArray<int> Ranks, long ResumeSeq) : JobEffect;

    /// <summary>Tell ranks of a worker their peers.</summary>
    internal sealed record FormGeneration(string WorkerId, long Generation, ImmutableArray<RankMember> Members) : JobEffect;

    /// <summary>End ranks of a generation and all older ones on a worker: at once, or with a checkpoint.</summary>
    internal sealed record StopRanks(string WorkerId, long Generation, bool WithCheckpoint) : JobEffect;

    /// <summary>Put a proposal into the run's log.</summary>
    internal sealed record CommitCheckpoint(long Generation, int Rank, string WorkerId, CheckpointDraft Draft, HistoryHead Head, int WorldSize) : JobEffect;

    /// <summary>Answer a proposal. <paramref name="Seq"/> is 0 when it was not committed.</summary>
    internal sealed record SendVerdict(long Generation, int Rank, string WorkerId, long Step, int Attempt, long Seq, string Error) : JobEffect;

    /// <summary>Remove checkpoints that need not be kept.</summary>
    internal sealed record Retain(long Generation, HistoryHead Head, int WorldSize) : JobEffect;
}
