using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>A command about one generation: ignored unless that generation is the job's present one.</summary>
internal interface IOfGeneration
{
    /// <summary>The generation it is about.</summary>
    long Generation { get; }
}

/// <summary>A report about one rank: ignored unless that rank of that generation sits on that worker.</summary>
internal interface IOfRank : IOfGeneration
{
    /// <summary>The rank.</summary>
    int Rank { get; }

    /// <summary>The worker that reports.</summary>
    string WorkerId { get; }
}

/// <summary>What happens to a job. <see cref="JobMachine"/> answers each with a <see cref="JobTransition"/>.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.JobCommand")]
internal abstract record JobCommand
{
    /// <summary>A submit on the job's run folder that is to move it.</summary>
    internal sealed record Submit(JobSpec Spec, TrainingExtent Extent, JobDatasets Datasets, long StopAfterStep, string Key) : JobCommand;

    /// <summary>A person wants it to stop.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RequestStop")]
    internal sealed record RequestStop([property: Id(0)] StopWish Wish) : JobCommand;

    /// <summary>The run folder was searched.</summary>
    /// <param name="Checkpoints">Checkpoints that can be used, oldest first; the last is the one to start from.</param>
    /// <param name="Head">Where history stands.</param>
    /// <param name="Damages">One sentence for each checkpoint that is not valid.</param>
    /// <param name="HighestGeneration">Newest generation that left a trace in the folder.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.CheckpointFound")]
    internal sealed record CheckpointFound(
        [property: Id(0)] ImmutableArray<CheckpointEntry> Checkpoints, [property: Id(1)] HistoryHead Head,
        [property: Id(2)] ImmutableArray<string> Damages, [property: Id(3)] long HighestGeneration) : JobCommand;

    /// <summary>What the next generation needs could not be had: the run folder cannot be searched, a data set's record is gone.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.PreparationFailed")]
    internal sealed record PreparationFailed([property: Id(0)] string Error) : JobCommand;

    /// <summary>Slots were dealt to a generation.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.SlotsGranted")]
    internal sealed record SlotsGranted([property: Id(0)] long Generation, [property: Id(1)] ImmutableArray<SlotSeat> Seats) : JobCommand, IOfGeneration;

    /// <summary>There are not enough slots for a generation yet.</summary>
    internal sealed record SlotsShort(long Generation, int Free) : JobCommand, IOfGeneration;

    /// <summary>Commands for ranks of a generation could not be handed to their worker.</summary>
    internal sealed record WorkerUnreachable(long Generation, string WorkerId) : JobCommand, IOfGeneration;

    /// <summary>A rank can be reached by its peers.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankReady")]
    internal sealed record RankReady(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId,
        [property: Id(3)] string Endpoint, [property: Id(4)] int ProcessId) : JobCommand, IOfRank;

    /// <summary>A step was applied. Not durable.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankProgressed")]
    internal sealed record RankProgressed(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId, [property: Id(3)] long Step) : JobCommand, IOfRank;

    /// <summary>A rank warns. Not durable by itself.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankWarned")]
    internal sealed record RankWarned(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId,
        [property: Id(3)] string Code, [property: Id(4)] string Text) : JobCommand, IOfRank;

    /// <summary>A rank ended in good order; its exit follows.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankFinished")]
    internal sealed record RankFinished(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId,
        [property: Id(3)] RankEnding Ending, [property: Id(4)] long Step) : JobCommand, IOfRank;

    /// <summary>A rank's process is gone.</summary>
    /// <param name="Generation">Its generation.</param>
    /// <param name="Rank">The rank.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Ending">How it said it ended.</param>
    /// <param name="Error">What killed it, as words that follow "rank 2 on w1 ": "was killed by SIGKILL".</param>
    /// <param name="Fatal">Restarting cannot help.</param>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.RankExited")]
    internal sealed record RankExited(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId,
        [property: Id(3)] RankEnding Ending, [property: Id(4)] string Error, [property: Id(5)] bool Fatal) : JobCommand, IOfRank;

    /// <summary>A worker says which ranks of this job it runs: at its first connection and after every reconnect.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerRegistered")]
    internal sealed record WorkerRegistered([property: Id(0)] string WorkerId, [property: Id(1)] ImmutableArray<RunningSeat> Running) : JobCommand;

    /// <summary>A worker is gone, and all its ranks with it.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.WorkerLost")]
    internal sealed record WorkerLost([property: Id(0)] string WorkerId, [property: Id(1)] string Why) : JobCommand;

    /// <summary>A rank wrote a checkpoint and asks for its commit.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.CheckpointProposed")]
    internal sealed record CheckpointProposed(
        [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string WorkerId, [property: Id(3)] CheckpointDraft Draft) : JobCommand, IOfRank;

    /// <summary>The proposal is in the run's log.</summary>
    internal sealed record CheckpointCommitted(long Generation, int Rank, string WorkerId, int Attempt, CheckpointEntry Entry, HistoryHead Head) : JobCommand, IOfRank;

    /// <summary>The proposal could not be committed.</summary>
    /// <param name="Generation">Generation of the proposal.</param>
    /// <param name="Rank">Who proposed.</param>
    /// <param name="WorkerId">Its worker.</param>
    /// <param name="Step">Step of the proposal.</param>
    /// <param name="Attempt">Attempt of the proposal.</param>
    /// <param name="Error">Why.</param>
    /// <param name="LostLineage">Someone else committed to the run: this generation's history is not the newest any more.</param>
    internal sealed record CheckpointRefused(long Generation, int Rank, string WorkerId, long Step, int Attempt, string Error, bool LostLineage) : JobCommand, IOfRank;

    /// <summary>Retention removed checkpoints. Not durable by itself.</summary>
    internal sealed record CheckpointsRemoved(ImmutableArray<long> Seqs) : JobCommand;

    /// <summary>The coordinator started again and read this state.</summary>
    internal sealed record CoordinatorRestarted : JobCommand;

    /// <summary>Time passed.</summary>
    [GenerateSerializer, Immutable, Alias("kaleido.JobCommand.Tick")]
    internal sealed record Tick : JobCommand;
}

/// <summary>A slot dealt to a rank.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.SlotSeat")]
internal sealed record SlotSeat([property: Id(0)] int Rank, [property: Id(1)] string WorkerId, [property: Id(2)] string Host);

/// <summary>A rank process that a worker reports as alive.</summary>
/// <param name="Generation">Its generation.</param>
/// <param name="Rank">Its rank.</param>
/// <param name="Endpoint">host:port, empty until ready.</param>
/// <param name="IsTraining">False until the rank was told its peers.</param>
/// <param name="ProcessId">Operating-system id.</param>
[GenerateSerializer, Immutable, Alias("kaleido.RunningSeat")]
internal sealed record RunningSeat(
    [property: Id(0)] long Generation, [property: Id(1)] int Rank, [property: Id(2)] string Endpoint,
    [property: Id(3)] bool IsTraining, [property: Id(4)] int ProcessId);

/// <summary>A checkpoint as its rank wrote it.</summary>
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
    [property: Id(9)] ImmutableArray<DraftMetric> Metrics);

/// <summary>One file of a draft.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.DraftFile")]
internal sealed record DraftFile([property: Id(0)] string Name, [property: Id(1)] long Bytes, [property: Id(2)] string Xxh128, [property: Id(3)] int Tensors);

/// <summary>A value the manifest keeps.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.DraftMetric")]
internal sealed record DraftMetric([property: Id(0)] string Name, [property: Id(1)] double Value);
