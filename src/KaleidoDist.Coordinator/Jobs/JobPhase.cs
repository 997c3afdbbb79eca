namespace KaleidoDist.Coordinator;

/// <summary>Where a job is in its life. The phases from <see cref="Preempted"/> on are at rest: only a new submit moves them.</summary>
internal enum JobPhase
{
    /// <summary>Waits for slots for its first generation.</summary>
    Queued,

    /// <summary>Ranks of the generation are starting; not all are ready.</summary>
    Starting,

    /// <summary>The generation is formed and trains.</summary>
    Running,

    /// <summary>A generation ended too early; the next is being prepared.</summary>
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

/// <summary>What a job that has no running ranks waits for.</summary>
internal enum JobWait
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Processes of the ended generation have to be gone.</summary>
    Exits,

    /// <summary>The newest valid checkpoint is being looked for.</summary>
    Checkpoint,

    /// <summary>Free slots.</summary>
    Slots,
}

/// <summary>Whether a person wants the job to stop.</summary>
internal enum StopWish
{
    /// <summary>No.</summary>
    None,

    /// <summary>With a checkpoint, to go on later.</summary>
    Checkpoint,

    /// <summary>With a checkpoint, for good.</summary>
    Cancel,
}

/// <summary>Facts about phases.</summary>
internal static class JobPhases
{
    /// <summary>Whether nothing but a new submit (or a cancel of a preempted job) moves a job in this phase.</summary>
    public static bool IsAtRest(this JobPhase phase) => phase >= JobPhase.Preempted;

    /// <summary>Whether ranks of the current generation are meant to live in this phase.</summary>
    public static bool HasGeneration(this JobPhase phase) => phase is JobPhase.Starting or JobPhase.Running;
}
