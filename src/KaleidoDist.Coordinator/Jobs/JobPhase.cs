namespace KaleidoDist.Coordinator;

/// <summary>Where a job is in its life. The phases from <see cref="Preempted"/> on are at rest: only a new submit moves them.</summary>
internal enum JobPhase
{
    /// <summary>Waits for slots for its first generation.</summary>
    Queued,

    /// <summary>Rank processes start, or form the first generation since.</summary>
    Starting,

    /// <summary>The generation trains; it may be about to part at a step border for the next.</summary>
    Running,

    /// <summary>A generation broke: the next one forms from memory, waits for slots, or goes back to a checkpoint.</summary>
    Recovering,

    /// <summary>Stopped with a checkpoint; a submit on its run folder goes on.</summary>
    Preempted,

    /// <summary>All steps are done.</summary>
    Succeeded,

    /// <summary>Ended by an error.</summary>
    Failed,

    /// <summary>Ended by a person.</summary>
    Cancelled,
}

/// <summary>What a job whose ranks do not train waits for.</summary>
internal enum JobWait
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Processes of the ended generation have to be gone.</summary>
    Exits,

    /// <summary>The newest valid checkpoint is being looked for.</summary>
    Checkpoint,

    /// <summary>Free slots: for a first generation, or for ranks that hold their state in memory and are too few.</summary>
    Slots,
}

/// <summary>Whether the ranks are to stop, and what for.</summary>
internal enum StopWish
{
    /// <summary>No.</summary>
    None,

    /// <summary>With a checkpoint, to go on later.</summary>
    Checkpoint,

    /// <summary>With a checkpoint, for good.</summary>
    Cancel,

    /// <summary>With a checkpoint, because workers leave and too few stay: the job then waits for slots.</summary>
    Release,
}

/// <summary>Facts about phases.</summary>
internal static class JobPhases
{
    /// <summary>Whether nothing but a new submit (or a cancel of a preempted job) moves a job in this phase.</summary>
    public static bool IsAtRest(this JobPhase phase) => phase >= JobPhase.Preempted;
}
