namespace KaleidoDist.Coordinator;

/// <summary>How far a rank process is.</summary>
internal enum RankLife
{
    /// <summary>Ordered, not ready.</summary>
    Starting,

    /// <summary>Ready: its endpoint is known.</summary>
    Ready,

    /// <summary>A joiner that a member gives its state to.</summary>
    Copying,

    /// <summary>A joiner that has the state of the running generation, but for the steps in flight.</summary>
    CaughtUp,

    /// <summary>Its process is gone, or its worker is.</summary>
    Gone,
}

/// <summary>How a rank said it ended.</summary>
internal enum RankEnding
{
    /// <summary>It said nothing.</summary>
    None,

    /// <summary>The last step of the job was applied.</summary>
    Completed,

    /// <summary>Stopped on request after a checkpoint.</summary>
    Stopped,

    /// <summary>Left at a step border: the next generation does without it.</summary>
    Left,
}

/// <summary>A rank process and the place it has in the job.</summary>
/// <param name="Rank">0-based place in the present generation; -1 for a joiner.</param>
/// <param name="Member">Identity of the process in its job, never used twice.</param>
/// <param name="WorkerId">The agent that runs it.</param>
/// <param name="Host">Its machine.</param>
internal sealed record RankSeat(int Rank, long Member, string WorkerId, string Host)
{
    /// <summary>How far it is.</summary>
    public RankLife Life { get; init; }

    /// <summary>How it said it ended.</summary>
    public RankEnding Ending { get; init; }

    /// <summary>Whether it formed the job's present generation.</summary>
    public bool Formed { get; init; }

    /// <summary>Whether the present generation is its first.</summary>
    public bool IsNew { get; init; }

    /// <summary>Whether it has a state that training could go on from: from a checkpoint, a donor, or a generation it formed.</summary>
    public bool HasState { get; init; }

    /// <summary>host:port of its data plane, once ready.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Operating-system id, once ready.</summary>
    public int ProcessId { get; init; }

    /// <summary>False after a coordinator restart until its worker reported it again.</summary>
    public bool Attached { get; init; } = true;

    /// <summary>Member that gives its state to this joiner, or was last asked to; 0 for none.</summary>
    public long Donor { get; init; }

    /// <summary>When this joiner is given up unless it got further; null for never.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>When its agent last said that it gives no sign of life.</summary>
    public DateTimeOffset? SilentAt { get; init; }

    /// <summary>Whether its process may still live.</summary>
    public bool IsLive => Life != RankLife.Gone;

    /// <summary>Whether it can be part of the next generation.</summary>
    public bool IsAboard => IsLive && Ending == RankEnding.None;

    /// <summary>The rank as people are told of it.</summary>
    public string Name => Rank < 0 ? $"member {Member} on {WorkerId}" : $"rank {Rank} on {WorkerId}";
}
