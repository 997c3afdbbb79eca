using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>What the coordinator believes about a worker.</summary>
internal enum WorkerStanding
{
    /// <summary>Never seen.</summary>
    Unknown,

    /// <summary>Its stream is open and it beats.</summary>
    Connected,

    /// <summary>Its stream is open, but beats are missing.</summary>
    Silent,

    /// <summary>Its stream broke; it may come back within the grace.</summary>
    Suspect,

    /// <summary>Gone, and its ranks with it.</summary>
    Lost,
}

/// <summary>What a look at a lease found.</summary>
/// <param name="Lease">The lease after the look.</param>
/// <param name="Why">Why the worker is silent, suspect or lost, as words that follow its name; null while nothing changed or it is well.</param>
internal readonly record struct LeaseVerdict(WorkerLease Lease, string? Why);

/// <summary>How long a worker may be silent.</summary>
/// <param name="SilentAfter">Silence on an open stream that makes it suspect.</param>
/// <param name="LeaseTime">Silence on an open stream that loses it.</param>
/// <param name="ReconnectGrace">Absence after a broken stream that loses it.</param>
internal sealed record LeaseTimes(TimeSpan SilentAfter, TimeSpan LeaseTime, TimeSpan ReconnectGrace);

/// <summary>The lease of one worker id: who holds it, and until when. Pure; only its drain is stored.</summary>
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

    /// <summary>Why it is to run no ranks any more; null while it may. Ends with its process.</summary>
    public string? Draining { get; init; }

    /// <summary>Older processes with the same id, which may not come back.</summary>
    public ImmutableArray<string> Superseded { get; init; } = [];

    /// <summary>Whether its ranks are counted on, for now.</summary>
    public bool IsHeld => Standing is WorkerStanding.Connected or WorkerStanding.Silent or WorkerStanding.Suspect;

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
            Draining = Incarnation == incarnation ? Draining : null,
            Incarnation = incarnation,
            Session = session,
            ConnectedAt = now,
            LastHeartbeatAt = now,
            Superseded = older,
        };
    }

    /// <summary>A sign of life on a stream; one of an older stream counts for nothing.</summary>
    public WorkerLease Beat(long session, DateTimeOffset now) => session != Session
        ? this
        : this with { LastHeartbeatAt = now, Standing = Standing == WorkerStanding.Silent ? WorkerStanding.Connected : Standing };

    /// <summary>A stream ended. <paramref name="goodbye"/> says that the worker left of its own will.</summary>
    public LeaseVerdict StreamEnded(long session, string? goodbye, DateTimeOffset now)
    {
        if (session != Session || Standing is not (WorkerStanding.Connected or WorkerStanding.Silent))
            return new LeaseVerdict(this, null);
        return goodbye is null
            ? new LeaseVerdict(this with { Standing = WorkerStanding.Suspect, SuspectSince = now }, "its stream broke")
            : new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, goodbye.Length == 0 ? "left" : $"left ({goodbye})");
    }

    /// <summary>Whether time took the lease away, or made the worker suspect.</summary>
    /// <param name="times">How long it may be silent.</param>
    /// <param name="now">The time.</param>
    public LeaseVerdict Look(LeaseTimes times, DateTimeOffset now)
    {
        var silence = now - LastHeartbeatAt;
        return Standing switch
        {
            WorkerStanding.Connected or WorkerStanding.Silent when silence > times.LeaseTime
                => new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, $"was silent for {times.LeaseTime.TotalSeconds:0.#} s"),
            WorkerStanding.Connected when silence > times.SilentAfter
                => new LeaseVerdict(this with { Standing = WorkerStanding.Silent }, $"is silent for {times.SilentAfter.TotalSeconds:0.#} s"),
            WorkerStanding.Suspect when now - SuspectSince > times.ReconnectGrace
                => new LeaseVerdict(this with { Standing = WorkerStanding.Lost }, $"did not reconnect within {times.ReconnectGrace.TotalSeconds:0.#} s"),
            _ => new LeaseVerdict(this, null),
        };
    }
}
