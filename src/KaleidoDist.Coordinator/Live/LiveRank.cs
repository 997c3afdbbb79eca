namespace KaleidoDist.Coordinator;

/// <summary>What a rank process last reported.</summary>
/// <param name="Phase">What it does.</param>
/// <param name="Step">Its last step.</param>
/// <param name="StepSeconds">Duration of that step.</param>
/// <param name="ProcessId">Its process.</param>
internal readonly record struct LiveRank(string Phase, long Step, double StepSeconds, int ProcessId)
{
    /// <summary>Connections to its data plane that it refused so far.</summary>
    public long RefusedConnections { get; init; }

    /// <summary>Why a person should look at it, and until when that holds unless it is said again; null for nothing.</summary>
    public (string Text, DateTimeOffset Until)? Remark { get; init; }
}
