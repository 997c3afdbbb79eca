namespace KaleidoDist.Coordinator;

/// <summary>How far the process of a rank is.</summary>
internal enum RankLife
{
    /// <summary>Ordered, not ready.</summary>
    Starting,

    /// <summary>Ready: its endpoint is known.</summary>
    Ready,

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
}

/// <summary>One rank of a generation and the process that fills it.</summary>
/// <param name="Rank">0-based.</param>
/// <param name="WorkerId">The agent that runs it.</param>
/// <param name="Host">Its machine.</param>
internal sealed record RankSeat(int Rank, string WorkerId, string Host)
{
    /// <summary>How far it is.</summary>
    public RankLife Life { get; init; }

    /// <summary>How it said it ended.</summary>
    public RankEnding Ending { get; init; }

    /// <summary>host:port of its data plane, once ready.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Operating-system id, once ready.</summary>
    public int ProcessId { get; init; }

    /// <summary>False after a coordinator restart until its worker reported it again.</summary>
    public bool Attached { get; init; } = true;

    /// <summary>Whether its process may still live.</summary>
    public bool IsLive => Life != RankLife.Gone;
}
