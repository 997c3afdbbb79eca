using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>A generation that is written and sent, and that not all its members have formed yet.</summary>
/// <param name="AtBorder">Its members part from the generation before at a step border; otherwise they gave the step in flight up.</param>
/// <param name="Stop">They agree on the step, save it and stop.</param>
/// <param name="WorldBefore">Ranks of the generation before, which trains until the border; 0 when it broke.</param>
/// <param name="By">When members that have not formed it are removed; null while a step border is awaited, which takes as long as a step does.</param>
internal sealed record Formation(bool AtBorder, bool Stop, int WorldBefore, DateTimeOffset? By);

/// <summary>The newest change of membership that went on from memory.</summary>
/// <param name="Generation">The generation it led to.</param>
/// <param name="Cause">Why: one sentence.</param>
/// <param name="NoticedAt">Its first sign.</param>
internal sealed record MembershipChange(long Generation, string Cause, DateTimeOffset NoticedAt);

/// <summary>A generation that ranks say is broken while no death is known. In memory only: ranks that wait are reported again.</summary>
/// <param name="FirstAt">When the first one said so.</param>
/// <param name="Reports">What they said, in the order it came.</param>
internal sealed record Interruption(DateTimeOffset FirstAt, ImmutableArray<InterruptionReport> Reports)
{
    /// <summary>Whether this member spoke.</summary>
    public bool HasHeard(long member) => Reports.Any(r => r.Member == member);

    /// <summary>The newest step that any of them has applied.</summary>
    public long Step => Reports.Max(r => r.Step);

    /// <summary>With one more report; a member's newest one counts.</summary>
    public Interruption With(InterruptionReport report)
        => this with { Reports = [.. Reports.Where(r => r.Member != report.Member), report] };
}

/// <summary>What one rank says of a broken generation.</summary>
/// <param name="Member">Who says it.</param>
/// <param name="Step">Steps it has applied.</param>
/// <param name="Lost">Member it lost; 0 when it cannot tell.</param>
/// <param name="Cause">How.</param>
internal sealed record InterruptionReport(long Member, long Step, long Lost, string Cause)
{
    /// <summary>Members that it found cut off from it.</summary>
    public ImmutableArray<long> Unreachable { get; init; } = [];
}

/// <summary>Connections that broke between live members: remembered until a step was made, so that the same pair does not break every generation.</summary>
/// <param name="Step">Newest step applied by then.</param>
/// <param name="Pairs">Who accused whom.</param>
internal sealed record Quarrel(long Step, ImmutableArray<Accusation> Pairs);

/// <summary>A member that says it lost another.</summary>
internal sealed record Accusation(long By, long Of)
{
    /// <summary>Whether both are about the same connection.</summary>
    public bool IsAbout(Accusation other) => (By, Of) == (other.By, other.Of) || (By, Of) == (other.Of, other.By);
}

/// <summary>One of the things that must be equal on all ranks for equal bits.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.EnvironmentItem")]
internal sealed record EnvironmentItem([property: Id(0)] string Name, [property: Id(1)] string Value);

/// <summary>A worker process whose ranks cannot take part in the job.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.RefusedWorker")]
internal sealed record RefusedWorker([property: Id(0)] string WorkerId, [property: Id(1)] string Incarnation);

/// <summary>A job's wish for slots, as it stands with the pool.</summary>
/// <param name="FirstMember">Member id of the first process to start; the ask's identity.</param>
/// <param name="Need">Not fewer.</param>
/// <param name="Max">Not more.</param>
/// <param name="Growth">The job trains without them: others go first.</param>
/// <param name="Avoid">Workers not to be dealt from.</param>
/// <param name="At">When it was last sent.</param>
internal sealed record StandingAsk(long FirstMember, int Need, int Max, bool Growth, ImmutableArray<RefusedWorker> Avoid, DateTimeOffset At);
