using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What the job's grain does after it wrote the state. Every effect may be done twice without harm.</summary>
internal abstract record JobEffect
{
    /// <summary>Search the run folder for the newest valid checkpoint.</summary>
    internal sealed record FindCheckpoint(string RunDirectory) : JobEffect;

    /// <summary>Ask for slots, or replace the ask that stands; workers in <paramref name="Avoid"/> are not dealt from.</summary>
    internal sealed record AcquireSlots(long FirstMember, int Need, int Max, bool Growth, ImmutableArray<RefusedWorker> Avoid) : JobEffect;

    /// <summary>Withdraw an ask, and give back what it was dealt meanwhile.</summary>
    internal sealed record WithdrawAsk(long FirstMember) : JobEffect;

    /// <summary>Give back slots that no process was started in.</summary>
    internal sealed record ReturnSlots(ImmutableArray<SlotSeat> Seats) : JobEffect;

    /// <summary>Tell the pool, after a restart, which slots the job holds.</summary>
    internal sealed record AdoptSlots(ImmutableArray<SlotSeat> Seats) : JobEffect;

    /// <summary>Start rank processes on a worker: from a checkpoint, or as joiners whose state comes from a peer.</summary>
    internal sealed record StartRanks(string WorkerId, long Generation, ImmutableArray<long> Members, long ResumeSeq, bool Joining) : JobEffect;

    /// <summary>Tell the rank processes of a worker the members of a generation.</summary>
    internal sealed record FormGeneration(string WorkerId, long Generation, ImmutableArray<GenerationMember> Members, bool AtBorder, bool Stop) : JobEffect;

    /// <summary>Tell a member to give its state to a joiner.</summary>
    internal sealed record DonateState(string WorkerId, long Generation, long Donor, long Joiner, string Endpoint) : JobEffect;

    /// <summary>End rank processes on a worker, at once or with a checkpoint: these members, or when there are none named all of the generation and older ones.</summary>
    internal sealed record StopRanks(string WorkerId, long Generation, bool WithCheckpoint, ImmutableArray<long> Members) : JobEffect;

    /// <summary>Put a whole set into the run's log.</summary>
    internal sealed record CommitCheckpoint(long Generation, CheckpointDraft Draft, HistoryHead Head, int WorldSize) : JobEffect;

    /// <summary>Tell a rank what became of an attempt. <paramref name="Seq"/> is 0 when it was not committed.</summary>
    internal sealed record SendVerdict(long Generation, long Member, string WorkerId, long Step, int Attempt, long Seq, string Error) : JobEffect
    {
        /// <summary>No manifest names the attempt or ever will.</summary>
        public bool IsAbandoned { get; init; }

        /// <summary>It found no room, and some was made: the ranks save at the next border.</summary>
        public bool IsSaveAgain { get; init; }
    }

    /// <summary>Remove at once what would go after the next commit: an attempt found no room.</summary>
    internal sealed record MakeRoom(long Generation, long Step, int Attempt, string Why, HistoryHead Head, int WorldSize) : JobEffect;

    /// <summary>Remove checkpoints that need not be kept.</summary>
    internal sealed record Retain(long Generation, HistoryHead Head, int WorldSize) : JobEffect;
}

/// <summary>A member of a generation as its peers are told of it.</summary>
/// <param name="Rank">Its place.</param>
/// <param name="Member">Its identity.</param>
/// <param name="WorkerId">Its agent.</param>
/// <param name="Host">Its machine.</param>
/// <param name="Endpoint">host:port of its data plane.</param>
internal sealed record GenerationMember(int Rank, long Member, string WorkerId, string Host, string Endpoint);
