using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>The durable truth about a job: what the job's grain writes before it acts. Moved only by <see cref="JobMachine"/>.</summary>
internal sealed record JobState
{
    /// <summary>Submit keys remembered; older ones are forgotten.</summary>
    public const int MaxSubmitKeys = 64;

    /// <summary>Notes remembered; older ones are dropped.</summary>
    public const int MaxNotes = 200;

    /// <summary>The job.</summary>
    public required string JobId { get; init; }

    /// <summary>What to train.</summary>
    public required JobSpec Spec { get; init; }

    /// <summary>How long it is.</summary>
    public required TrainingExtent Extent { get; init; }

    /// <summary>The data sets, by the keys of their records.</summary>
    public required JobDatasets Datasets { get; init; }

    /// <summary>When above zero: stop with a checkpoint after this step.</summary>
    public long StopAfterStep { get; init; }

    /// <summary>Where the job is in its life.</summary>
    public JobPhase Phase { get; init; }

    /// <summary>What it waits for while it has no ranks.</summary>
    public JobWait Wait { get; init; }

    /// <summary>Why it is in this phase: one sentence.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Grows with every durable move.</summary>
    public long Revision { get; init; }

    /// <summary>Version of the membership; 0 before the first. Never goes back.</summary>
    public long Generation { get; init; }

    /// <summary>Ranks of <see cref="Generation"/>, by rank; empty while slots are waited for.</summary>
    public ImmutableArray<RankSeat> Seats { get; init; } = [];

    /// <summary>When the present phase or wait ends by itself; null for never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>After a coordinator restart: when ranks that did not come back count as lost; null when all are back.</summary>
    public DateTimeOffset? ReattachBy { get; init; }

    /// <summary>Whether a person wants the job to stop.</summary>
    public StopWish Stop { get; init; }

    /// <summary>The checkpoint this generation started from or last committed: parent of the next commit. Null before the first.</summary>
    public CheckpointEntry? Base { get; init; }

    /// <summary>Where the run's history stood when this generation began or last committed: its next commit continues it.</summary>
    public HistoryHead Head { get; init; } = HistoryHead.Empty;

    /// <summary>Attempt number of the newest commit, to answer its repetition.</summary>
    public int BaseAttempt { get; init; }

    /// <summary>Checkpoints of the run that are kept, oldest first.</summary>
    public ImmutableArray<CheckpointEntry> Checkpoints { get; init; } = [];

    /// <summary>Newest step reported in this generation; may be lower than before a recovery.</summary>
    public long Step { get; init; }

    /// <summary>Rank failures since the last commit.</summary>
    public int RankFailures { get; init; }

    /// <summary>Worker failures since the last commit.</summary>
    public int WorkerFailures { get; init; }

    /// <summary>Recoveries since the job was submitted.</summary>
    public int Restarts { get; init; }

    /// <summary>The newest failure.</summary>
    public string? LastError { get; init; }

    /// <summary>Idempotency keys of submits that this state already holds, oldest first.</summary>
    public ImmutableArray<string> SubmitKeys { get; init; } = [];

    /// <summary>What happened, oldest first.</summary>
    public ImmutableArray<JobNote> Notes { get; init; } = [];

    /// <summary>Messages of older generations that were ignored.</summary>
    public long IgnoredMessages { get; init; }

    /// <summary>When it was first submitted.</summary>
    public DateTimeOffset SubmittedAt { get; init; }

    /// <summary>When its first generation was formed.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it came to rest.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The run folder.</summary>
    public string RunDirectory => Spec.Checkpoint.Uri;

    /// <summary>This state with one more note.</summary>
    public JobState Noted(DateTimeOffset at, string code, string text)
        => this with { Notes = [.. Notes.Skip(Notes.Length - MaxNotes + 1), new JobNote(at, code, text)] };

    /// <summary>This state with one seat replaced.</summary>
    public JobState WithSeat(RankSeat seat) => this with { Seats = Seats.SetItem(seat.Rank, seat) };

    /// <summary>Workers that hold live ranks, in ordinal order.</summary>
    public IEnumerable<string> LiveWorkers()
        => Seats.Where(s => s.IsLive).Select(s => s.WorkerId).Distinct().Order(StringComparer.Ordinal);
}

/// <summary>Something that happened to a job.</summary>
/// <param name="At">When.</param>
/// <param name="Code">For example KD-W101; empty for plain notes.</param>
/// <param name="Text">One sentence.</param>
internal sealed record JobNote(DateTimeOffset At, string Code, string Text);

/// <summary>The data sets of a job.</summary>
/// <param name="TrainKey">Record of the training set's manifest.</param>
/// <param name="TrainFingerprint">Its fingerprint.</param>
/// <param name="ValidationKey">Record of the validation set's manifest; null without one.</param>
internal sealed record JobDatasets(string TrainKey, string TrainFingerprint, string? ValidationKey);

/// <summary>Where a run's history stood at one moment: what a commit must continue, so that nobody else's commit is taken for one's own.</summary>
/// <param name="Seq">Checkpoint whose state is in use; 0 for none.</param>
/// <param name="Hash">Hash of its manifest; null for none.</param>
/// <param name="LastSeq">Highest number ever used, valid or not.</param>
/// <param name="Supersedes">Numbers above <paramref name="Seq"/> that were found damaged.</param>
[GenerateSerializer, Immutable, Alias("kaleido.HistoryHead")]
internal sealed record HistoryHead(
    [property: Id(0)] long Seq, [property: Id(1)] string? Hash, [property: Id(2)] long LastSeq, [property: Id(3)] ImmutableArray<long> Supersedes)
{
    /// <summary>A run without checkpoints.</summary>
    public static HistoryHead Empty { get; } = new(0, null, 0, []);
}

/// <summary>One committed checkpoint of a run.</summary>
/// <param name="Seq">Its number in the run's log.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Epoch">Epochs begun before it.</param>
/// <param name="Samples">Samples consumed.</param>
/// <param name="WorldSize">Ranks that made it.</param>
/// <param name="Generation">Generation that made it.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="WeightsXxh128">Hash of all weights, hex.</param>
/// <param name="CreatedAt">When it was committed.</param>
/// <param name="Kind">periodic, preempt or final.</param>
[GenerateSerializer, Immutable, Alias("kaleido.CheckpointEntry")]
internal sealed record CheckpointEntry(
    [property: Id(0)] long Seq,
    [property: Id(1)] long Step,
    [property: Id(2)] long Epoch,
    [property: Id(3)] long Samples,
    [property: Id(4)] int WorldSize,
    [property: Id(5)] long Generation,
    [property: Id(6)] long Bytes,
    [property: Id(7)] string WeightsXxh128,
    [property: Id(8)] DateTimeOffset CreatedAt,
    [property: Id(9)] string Kind);
