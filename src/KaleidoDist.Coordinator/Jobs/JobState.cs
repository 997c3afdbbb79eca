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

    /// <summary>The checkpoint a submit asked to go on from, until the next commit makes that history; 0 for the newest valid one.</summary>
    public long ResumeSeq { get; init; }

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

    /// <summary>Identity of the next rank process; grows only.</summary>
    public long NextMember { get; init; } = 1;

    /// <summary>Members of <see cref="Generation"/>, by rank: those that start for it, form it, train in it, or hold its state while slots are waited for.</summary>
    public ImmutableArray<RankSeat> Seats { get; init; } = [];

    /// <summary>Rank processes on their way into a later generation, oldest first.</summary>
    public ImmutableArray<RankSeat> Joiners { get; init; } = [];

    /// <summary>Members of the generation before that leave it at the border which the present one waits for.</summary>
    public ImmutableArray<RankSeat> Leavers { get; init; } = [];

    /// <summary>The present generation while not all have formed it; null before and after.</summary>
    public Formation? Formation { get; init; }

    /// <summary>What ranks say of the present generation's end; null while it is whole.</summary>
    public Interruption? Interruption { get; init; }

    /// <summary>Connections that broke since the last step; null for none.</summary>
    public Quarrel? Quarrel { get; init; }

    /// <summary>Workers whose stream is broken or silent: gone as soon as a peer says so too. In memory only.</summary>
    public ImmutableArray<string> Suspects { get; init; } = [];

    /// <summary>Workers that are to run no rank of the job any more.</summary>
    public ImmutableArray<string> Leaving { get; init; } = [];

    /// <summary>What the ranks have in common and a joiner must have too; empty before the first is ready.</summary>
    public ImmutableArray<EnvironmentItem> Environment { get; init; } = [];

    /// <summary>Worker processes that were found to differ: not asked again.</summary>
    public ImmutableArray<RefusedWorker> Refused { get; init; } = [];

    /// <summary>The wish for slots that stands with the pool. In memory only.</summary>
    public StandingAsk? Ask { get; init; }

    /// <summary>No joiner is asked for before; null for now.</summary>
    public DateTimeOffset? GrowAfter { get; init; }

    /// <summary>How long the next lost joiner keeps others from being asked for.</summary>
    public TimeSpan GrowPause { get; init; }

    /// <summary>When the present phase or wait ends by itself; null for never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>After a coordinator restart: when ranks that did not come back count as lost; null when all are back.</summary>
    public DateTimeOffset? ReattachBy { get; init; }

    /// <summary>Whether a person wants the job to stop.</summary>
    public StopWish Stop { get; init; }

    /// <summary>Whether the job extracts a bank: its state is the bank's files, which are on disk before a step counts.</summary>
    public bool IsExtraction => Spec.Extract is not null;

    /// <summary>The step that the job can go on from if all its ranks end now; null for none.</summary>
    public long? SavedStep => IsExtraction ? Step : Base?.Step;

    /// <summary>The checkpoint this generation started from or last committed: parent of the next commit. Null before the first.</summary>
    public CheckpointEntry? Base { get; init; }

    /// <summary>Where the run's history stood when this generation began or last committed: its next commit continues it.</summary>
    public HistoryHead Head { get; init; } = HistoryHead.Empty;

    /// <summary>Attempt number of the newest commit, to answer its repetition.</summary>
    public int BaseAttempt { get; init; }

    /// <summary>The newest attempt to save; null before the first. What it lacks after a restart, ranks report again.</summary>
    public CheckpointSet? Save { get; init; }

    /// <summary>Checkpoints of the run that are kept, oldest first.</summary>
    public ImmutableArray<CheckpointEntry> Checkpoints { get; init; } = [];

    /// <summary>When those of them were last read back that ever were, and what was found.</summary>
    public ImmutableArray<CheckpointCheck> Checks { get; init; } = [];

    /// <summary>Checkpoints that were due while an earlier one was on its way, and left out.</summary>
    public long SkippedSaves { get; init; }

    /// <summary>Newest step applied; lower than before only after a return to a checkpoint.</summary>
    public long Step { get; init; }

    /// <summary>What ranks said of an end before the last step; null while none did.</summary>
    public EarlyEnd? EarlyEnd { get; init; }

    /// <summary>Rank failures since a step beyond <see cref="FailedStep"/> was applied.</summary>
    public int RankFailures { get; init; }

    /// <summary>The step that was in flight when a rank last failed.</summary>
    public long FailedStep { get; init; }

    /// <summary>Times the job went back to a checkpoint.</summary>
    public int Restarts { get; init; }

    /// <summary>Times it went on from memory with other members.</summary>
    public int Regroups { get; init; }

    /// <summary>Times a generation broke, or did not form: what the interval between checkpoints follows from. Joins, drains and stops are none.</summary>
    public int Failures { get; init; }

    /// <summary>The newest of these changes; null before the first.</summary>
    public MembershipChange? LastChange { get; init; }

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

    /// <summary>When its first generation trained.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it came to rest.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The run folder.</summary>
    public string RunDirectory => Spec.Checkpoint.Uri;

    /// <summary>This state with one more note.</summary>
    public JobState Noted(DateTimeOffset at, string code, string text)
        => this with { Notes = [.. Notes.Skip(Notes.Length - MaxNotes + 1), new JobNote(at, code, text)] };

    /// <summary>This state with these checkpoints; what was found of others is forgotten.</summary>
    public JobState Keeping(IEnumerable<CheckpointEntry> checkpoints)
    {
        var kept = checkpoints.ToImmutableArray();
        return this with { Checkpoints = kept, Checks = Checks.RemoveAll(check => kept.All(c => c.Seq != check.Seq)) };
    }

    /// <summary>This state with what was found of a checkpoint, instead of what was found before.</summary>
    public JobState Checked(CheckpointCheck check) => this with { Checks = [.. Checks.Where(c => c.Seq != check.Seq), check] };

    /// <summary>Ranks the job may have at most: each hosts at least one virtual rank.</summary>
    public int MaxWorld => Math.Min(Spec.Workers.Max, Spec.Training.VirtualRanks);

    /// <summary>Rank processes that are part of the job: seated, joining or leaving.</summary>
    public IEnumerable<RankSeat> Everyone => Seats.Concat(Joiners).Concat(Leavers);

    /// <summary>Members that can be part of the next generation, in the order of their ranks.</summary>
    public IEnumerable<RankSeat> Aboard => Seats.Where(s => s.IsAboard);

    /// <summary>Whether ranks hold their state in memory and are too few to train.</summary>
    public bool IsHolding => Wait == JobWait.Slots && !Seats.IsEmpty;

    /// <summary>Whether no rank process may live that the job counts on.</summary>
    public bool IsDeserted => !Everyone.Any(s => s.IsLive);

    /// <summary>A live rank process on this worker; null when the job has none such.</summary>
    public RankSeat? Find(long member, string workerId) => Everyone.FirstOrDefault(s => s.Member == member && s.WorkerId == workerId && s.IsLive);

    /// <summary>This state with every rank process as <paramref name="change"/> makes it; those it makes null are no part of the job any more.</summary>
    public JobState Select(Func<RankSeat, RankSeat?> change) => this with
    {
        Seats = [.. Seats.Select(change).OfType<RankSeat>()],
        Joiners = [.. Joiners.Select(change).OfType<RankSeat>()],
        Leavers = [.. Leavers.Select(change).OfType<RankSeat>()],
    };

    /// <summary>This state with one rank process replaced, wherever it is.</summary>
    public JobState With(RankSeat seat) => Select(s => s.Member == seat.Member ? seat : s);

    /// <summary>This state without these rank processes; seats are dealt anew.</summary>
    public JobState Without(IReadOnlyCollection<long> members)
    {
        var left = Select(s => members.Contains(s.Member) ? null : s);
        return left with { Seats = Dealt(left.Seats) };
    }

    /// <summary>Seats with ranks 0 to W-1 in the order they are in.</summary>
    public static ImmutableArray<RankSeat> Dealt(IEnumerable<RankSeat> seats) => [.. seats.Select((s, rank) => s.Rank == rank ? s : s with { Rank = rank })];
}

/// <summary>An end of the training before the job's last step.</summary>
/// <param name="Step">Steps that were applied.</param>
/// <param name="Why">Why no later one would help, as a clause.</param>
internal sealed record EarlyEnd(long Step, string Why);

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
