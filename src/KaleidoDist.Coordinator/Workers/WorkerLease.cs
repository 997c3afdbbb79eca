using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What the coordinator believes about a worker.</summary>
internal enum WorkerStanding
{
    /// <summary>Never seen.</summary>
    Unknown,

    /// <summary>Its stream is open and it beats.</summary>
    Connected,

    /// <summary>Its stream broke; it may come back within the grace.</summary>
    Suspect,

    /// <summary>Gone, and its ranks with it.</summary>
    Lost,
}

/// <summary>How a lease ended, or that it did not.</summary>
/// <param name="Lease">The lease after the look.</param>
/// <param name="Why">Why the worker is lost, as words that follow its name; null while it is not.</param>
internal readonly record struct LeaseVerdict(WorkerLease Lease, string? Why);

/// <summary>The lease of one worker id: who holds it, and until when. Pure; in memory only.</summary>
internal sealed record WorkerLease
{
    private const int MaxSuperseded = 16;

    /// <summary>What is believed.</summary>
    public WorkerStanding Standing { get; init; }

    /// <summary>The process that holds the id.</summary>
    public string Incarnation { get; init; } = "";

    /// <summary>The stream it speaks on; higher is newer.</summary>
    public long Session { get; init; }

    /// <summary>When it connected.</summary>
    public DateTimeOffset ConnectedAt { get; init; }

    /// <summary>Its last sign of life.</summary>
    public DateTimeOffset LastHeartbeatAt { get; init; }

    /// <summary>When its stream broke.</summary>
    public DateTimeOffset SuspectSince { get; init; }

    /// <summary>Older processes with the same id, which may not come back.</summary>
    public ImmutableArray<string> Superseded { get; init; } = [];

    /// <summary>A process connects under this id. A newer process supersedes an older one, for good.</summary>
    /// <returns>The new lease; null when this process was superseded before.</returns>
    public WorkerLease? Admit(string incarnation, long session, DateTimeOffset now)
    {
        if (Superseded.Contains(incarnation))
            return null;
        var older = Incarnation.Length == 0 || Incarnation == incarnation
            ? Superseded
            : [.. Superseded.Skip(Superseded.Length - MaxSuperseded + 1), Incarnation];
        return this with
        {
            Standing = WorkerStanding.Connected,
            Incarnation = incarnation,
            Session = session,
            ConnectedAt = now,
            LastHeartbeatAt = now,
            Superseded = older,
        };
    }

    /// <summary>A sign of life on a stream; one of an older stream counts for nothing.</summary>
    public WorkerLease Beat(long session, DateTimeOffset now) => session == Session ? this with { LastHeartbeatAt = now } : this;

    /// <summary>A stream ended. <paramref name="goodbye"/> says that the worker left of its own will.</summary>
    public LeaseVerdict StreamEnded(long session, string? goodbye, DateTimeOffset now)
    {
        if (session != Session || Standing != WorkerStanding.Connected)
            return new LeaseVerdict(this, null);
        return goodbye is null
            ? new LeaseVerdict(this with { Standing = WorkerStanding.Suspect, SuspectSince = now }, null)
            : new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, goodbye.Length == 0 ? "left" : $"left ({goodbye})");
    }

    /// <summary>Whether time took the lease away.</summary>
    /// <param name="leaseTime">Longest silence on an open stream.</param>
    /// <param name="grace">Longest absence after a broken stream.</param>
    /// <param name="now">The time.</param>
    public LeaseVerdict Look(TimeSpan leaseTime, TimeSpan grace, DateTimeOffset now) => Standing switch
    {
        WorkerStanding.Connected when now - LastHeartbeatAt > leaseTime
            => new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, $"was silent for {leaseTime.TotalSeconds:0.#} s"),
        WorkerStanding.Suspect when now - SuspectSince > grace
            => new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, $"did not reconnect within {grace.TotalSeconds:0.#} s"),
        _ => new LeaseVerdict(this, null),
    };
}
