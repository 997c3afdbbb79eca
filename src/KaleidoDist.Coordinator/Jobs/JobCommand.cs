using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>A command about one generation: ignored unless that generation is the job's present one.</summary>
internal interface IOfGeneration
{
    /// <summary>The generation it is about.</summary>
    long Generation { get; }
}

/// <summary>A report about one rank process: ignored unless that process is part of the job, on that worker.</summary>
internal interface IOfMember
{
    /// <summary>The process.</summary>
    long Member { get; }

    /// <summary>The worker that reports.</summary>
    string WorkerId { get; }
}

/// <summary>What happens to a job. <see cref="JobMachine"/> answers each with a <see cref="JobTransition"/>.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.JobCommand")]
internal abstract record JobCommand
{
    /// <summary>A submit on the job's run folder that is to move it.</summary>
    internal sealed record Submit(JobSpec Spec, TrainingExtent Extent, JobDatasets Datasets, long StopAfterStep, string Key) : JobCommand
    {
        /// <summary>The checkpoint to go on from; 0 for the newest valid one.</summary>
        public long ResumeSeq { get; init; }
    }

    /// <summary>A person wants it to stop.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RequestStop")]
    internal sealed record RequestStop([property: Id(0)] StopWish Wish) : JobCommand;

    /// <summary>The run folder was searched.</summary>
    /// <param name="Checkpoints">Checkpoints that can be used, oldest first; the last is the one to start from.</param>
    /// <param name="Head">Where history stands.</param>
    /// <param name="Damages">One sentence for each checkpoint that is not valid.</param>
    /// <param name="HighestGeneration">Newest generation that left a trace in the folder.</param>
    /// <param name="AskedSeq">The checkpoint that was asked for; 0 for the newest valid one.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.CheckpointFound")]
    internal sealed record CheckpointFound(
        [property: Id(0)] ImmutableArray<CheckpointEntry> Checkpoints, [property: Id(1)] HistoryHead Head,
        [property: Id(2)] ImmutableArray<string> Damages, [property: Id(3)] long HighestGeneration, [property: Id(4)] long AskedSeq = 0) : JobCommand;

    /// <summary>What the next generation needs could not be had: the run folder cannot be searched, a data set's record is gone.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.PreparationFailed")]
    internal sealed record PreparationFailed([property: Id(0)] string Error) : JobCommand;

    /// <summary>Slots were dealt to an ask.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.SlotsGranted")]
    internal sealed record SlotsGranted([property: Id(0)] long FirstMember, [property: Id(1)] ImmutableArray<SlotSeat> Seats) : JobCommand;

    /// <summary>There are not enough slots for an ask yet.</summary>
    internal sealed record SlotsShort(long FirstMember, int Free) : JobCommand;

    /// <summary>The order to start these rank processes could not be handed to their worker.</summary>
    internal sealed record WorkerUnreachable(string WorkerId, ImmutableArray<long> Members) : JobCommand;

    /// <summary>A rank process can be reached by its peers.</summary>
    /// <param name="Member">The process.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Endpoint">host:port of its data plane.</param>
    /// <param name="ProcessId">Operating-system id.</param>
    /// <param name="Incarnation">The worker's process.</param>
    /// <param name="Environment">What must be equal on all ranks, by name; empty when it does not say.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankReady")]
    internal sealed record RankReady(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] string Endpoint, [property: Id(3)] int ProcessId,
        [property: Id(4)] string Incarnation, [property: Id(5)] ImmutableArray<EnvironmentItem> Environment) : JobCommand, IOfMember
    {
        /// <summary>Whether it is a joiner that no donor came to.</summary>
        [Id(6)]
        public bool AwaitsDonor { get; init; }
    }

    /// <summary>A rank formed its generation and is at this step, as all its peers are.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankFormed")]
    internal sealed record RankFormed(
        [property: Id(0)] long Generation, [property: Id(1)] long Member, [property: Id(2)] string WorkerId, [property: Id(3)] long Step) : JobCommand, IOfGeneration, IOfMember;

    /// <summary>A rank says that its generation broke; it waits for the next. Not of the present generation only: one may have missed it.</summary>
    /// <param name="Generation">The generation that broke.</param>
    /// <param name="Member">Who says so.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Step">Steps it has applied.</param>
    /// <param name="LostRank">Rank in that generation that it lost; -1 when it cannot tell.</param>
    /// <param name="Cause">How.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankInterrupted")]
    internal sealed record RankInterrupted(
        [property: Id(0)] long Generation, [property: Id(1)] long Member, [property: Id(2)] string WorkerId,
        [property: Id(3)] long Step, [property: Id(4)] int LostRank, [property: Id(5)] string Cause) : JobCommand, IOfMember
    {
        /// <summary>Ranks in that generation whose kernels do not answer it.</summary>
        [Id(6)]
        public ImmutableArray<int> Unreachable { get; init; } = [];
    }

    /// <summary>A rank process lives and gives no sign of life; repeated while that lasts.</summary>
    /// <param name="Member">The process.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="At">What it last did.</param>
    /// <param name="Silence">For how long.</param>
    /// <param name="IsStopped">Whether the kernel says that it is stopped.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankSilent")]
    internal sealed record RankSilent(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] RankPlace At,
        [property: Id(3)] TimeSpan Silence, [property: Id(4)] bool IsStopped) : JobCommand, IOfMember;

    /// <summary>A rank process gives signs of life but no progress, while its peers wait for it.</summary>
    /// <param name="Member">The process.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="At">What it does.</param>
    /// <param name="Stay">For how long.</param>
    /// <param name="IsOver">Whether it was waited for long enough.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankStuck")]
    internal sealed record RankStuck(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] RankPlace At,
        [property: Id(3)] TimeSpan Stay, [property: Id(4)] bool IsOver) : JobCommand, IOfMember;

    /// <summary>A joiner has the state of the running generation but for the steps in flight.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankCaughtUp")]
    internal sealed record RankCaughtUp([property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] long Step) : JobCommand, IOfMember;

    /// <summary>A step was applied. Not durable.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankProgressed")]
    internal sealed record RankProgressed(
        [property: Id(0)] long Generation, [property: Id(1)] long Member, [property: Id(2)] string WorkerId, [property: Id(3)] long Step) : JobCommand, IOfMember;

    /// <summary>Somebody should know something about a rank. Not durable by itself.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankWarned")]
    internal sealed record RankWarned(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] string Code, [property: Id(3)] string Text) : JobCommand, IOfMember;

    /// <summary>A kept checkpoint was read back.</summary>
    /// <param name="Seq">The checkpoint.</param>
    /// <param name="Flaw">What is not as it was written; null when it is whole.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.CheckpointChecked")]
    internal sealed record CheckpointChecked([property: Id(0)] long Seq, [property: Id(1)] CheckpointFlaw? Flaw) : JobCommand;

    /// <summary>A rank ended in good order; its exit follows.</summary>
    /// <param name="Member">The process.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Ending">How.</param>
    /// <param name="Step">Steps it applied.</param>
    /// <param name="EarlyEnd">Why it was complete before the job's last step; empty when it was not.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankFinished")]
    internal sealed record RankFinished(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] RankEnding Ending, [property: Id(3)] long Step,
        [property: Id(4)] string EarlyEnd = "") : JobCommand, IOfMember;

    /// <summary>A rank process is gone.</summary>
    /// <param name="Member">The process.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Ending">How it said it ended.</param>
    /// <param name="Error">What killed it, as words that follow "rank 2 on w1 ": "was killed by SIGKILL".</param>
    /// <param name="Fatal">Restarting cannot help.</param>
    /// <param name="At">What it last did.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankExited")]
    internal sealed record RankExited(
        [property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] RankEnding Ending,
        [property: Id(3)] string Error, [property: Id(4)] bool Fatal, [property: Id(5)] RankPlace At) : JobCommand, IOfMember;

    /// <summary>A worker says which ranks of this job it runs: at its first connection and after every reconnect.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerRegistered")]
    internal sealed record WorkerRegistered([property: Id(0)] string WorkerId, [property: Id(1)] ImmutableArray<RunningSeat> Running) : JobCommand;

    /// <summary>A worker is gone, and all its ranks with it.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerLost")]
    internal sealed record WorkerLost([property: Id(0)] string WorkerId, [property: Id(1)] string Why) : JobCommand;

    /// <summary>A worker's stream broke or is silent, or it is well again. Not durable.</summary>
    /// <param name="WorkerId">The worker.</param>
    /// <param name="Why">As words that follow its name: "its stream broke"; null when it is well.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerSuspected")]
    internal sealed record WorkerSuspected([property: Id(0)] string WorkerId, [property: Id(1)] string? Why) : JobCommand;

    /// <summary>A worker is to run no ranks any more.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerLeaving")]
    internal sealed record WorkerLeaving([property: Id(0)] string WorkerId, [property: Id(1)] string Why) : JobCommand;

    /// <summary>A rank wrote its shard of a checkpoint, or could not.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.CheckpointProposed")]
    internal sealed record CheckpointProposed(
        [property: Id(0)] long Generation, [property: Id(1)] long Member, [property: Id(2)] string WorkerId, [property: Id(3)] CheckpointDraft Draft) : JobCommand, IOfMember;

    /// <summary>The set is in the run's log.</summary>
    internal sealed record CheckpointCommitted(long Generation, int Attempt, CheckpointEntry Entry, HistoryHead Head) : JobCommand;

    /// <summary>The set could not be committed.</summary>
    /// <param name="Generation">Generation of the set.</param>
    /// <param name="Step">Its step.</param>
    /// <param name="Attempt">Its attempt.</param>
    /// <param name="Error">Why.</param>
    /// <param name="LostLineage">Someone else committed to the run: this job's history is not the newest any more.</param>
    internal sealed record CheckpointRefused(long Generation, long Step, int Attempt, string Error, bool LostLineage) : JobCommand;

    /// <summary>Retention removed checkpoints. Not durable by itself.</summary>
    internal sealed record CheckpointsRemoved(ImmutableArray<long> Seqs) : JobCommand;

    /// <summary>Retention was applied for an attempt that found no room. Not durable by itself.</summary>
    /// <param name="Generation">Generation of the attempt.</param>
    /// <param name="Step">Its step.</param>
    /// <param name="Attempt">Its number.</param>
    /// <param name="Why">What it failed with.</param>
    /// <param name="Freed">What was removed.</param>
    internal sealed record RoomMade(long Generation, long Step, int Attempt, string Why, FreedRoom Freed) : JobCommand;

    /// <summary>The coordinator started again and read this state.</summary>
    internal sealed record CoordinatorRestarted : JobCommand;

    /// <summary>Time passed.</summary>
    /// <param name="Places">What ranks last did, to name those that are found to be hung; may be empty.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.Tick")]
    internal sealed record Tick([property: Id(0)] ImmutableArray<SeenRank> Places) : JobCommand;
}

/// <summary>A slot dealt to a rank process.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotSeat")]
internal sealed record SlotSeat([property: Id(0)] long Member, [property: Id(1)] string WorkerId, [property: Id(2)] string Host);

/// <summary>Where a rank is in its work.</summary>
/// <param name="Phase">data, forward, backward, reduce, optimizer, checkpoint, evaluation ...; empty when unknown.</param>
/// <param name="Step">The step it is at.</param>
[GenerateSerializer, Immutable, Alias("kaleido.RankPlace")]
internal sealed record RankPlace([property: Id(0)] string Phase, [property: Id(1)] long Step)
{
    /// <summary>Nothing is known.</summary>
    public static RankPlace Unknown { get; } = new("", 0);

    /// <summary>As words that follow "gives no sign of life": " in the reduce phase of step 512".</summary>
    public override string ToString() => Phase.Length == 0 ? "" : $" in the {Phase} phase of step {Step}";
}

/// <summary>Where a rank process was last seen.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SeenRank")]
internal sealed record SeenRank([property: Id(0)] long Member, [property: Id(1)] RankPlace At);

/// <summary>A rank process that a worker reports as alive.</summary>
/// <param name="Member">The process.</param>
/// <param name="Generation">The generation it last formed; 0 for none.</param>
/// <param name="Endpoint">host:port, empty until ready.</param>
/// <param name="IsWaiting">Whether it waits for a generation.</param>
/// <param name="ProcessId">Operating-system id.</param>
/// <param name="Step">Steps it has applied.</param>
[GenerateSerializer, Immutable, Alias("kaleido.RunningSeat")]
internal sealed record RunningSeat(
    [property: Id(0)] long Member, [property: Id(1)] long Generation, [property: Id(2)] string Endpoint,
    [property: Id(3)] bool IsWaiting, [property: Id(4)] int ProcessId, [property: Id(5)] long Step);

/// <summary>A shard of a checkpoint as its rank wrote it, or all shards together.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.CheckpointDraft")]
internal sealed record CheckpointDraft(
    [property: Id(0)] long Step,
    [property: Id(1)] long Epoch,
    [property: Id(2)] long StepInEpoch,
    [property: Id(3)] long Samples,
    [property: Id(4)] int Attempt,
    [property: Id(5)] string Directory,
    [property: Id(6)] ImmutableArray<DraftFile> Files,
    [property: Id(7)] string WeightsXxh128,
    [property: Id(8)] string Kind,
    [property: Id(9)] ImmutableArray<DraftMetric> Metrics)
{
    /// <summary>Place in the set, 1-based.</summary>
    [Id(10)]
    public int Shard { get; init; } = 1;

    /// <summary>Shards of the set.</summary>
    [Id(11)]
    public int ShardCount { get; init; } = 1;

    /// <summary>Hash of the rank's whole replica; empty when there is only one.</summary>
    [Id(12)]
    public string ReplicaHash { get; init; } = "";

    /// <summary>Why it could not be written, with its code; empty when it was.</summary>
    [Id(13)]
    public string Error { get; init; } = "";
}

/// <summary>One file of a draft.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.DraftFile")]
internal sealed record DraftFile(
    [property: Id(0)] string Name, [property: Id(1)] long Bytes, [property: Id(2)] string Xxh128, [property: Id(3)] int Tensors, [property: Id(4)] string ChunksXxh3 = "",
    [property: Id(5)] string Sha256 = "");

/// <summary>A value the manifest keeps.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.DraftMetric")]
internal sealed record DraftMetric([property: Id(0)] string Name, [property: Id(1)] double Value);
