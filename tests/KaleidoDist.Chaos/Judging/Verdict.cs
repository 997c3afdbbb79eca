using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Chaos;

/// <summary>What came of a chaos run.</summary>
internal sealed record Verdict
{
    /// <summary>Samples, steps, losses or weights that are not those of the calm run, and a job that did not come to its end: one sentence each.</summary>
    internal required IReadOnlyList<string> Losses { get; init; }

    /// <summary>Faults that did not fire or that nobody named, pauses that took too long, what was left behind: one sentence each.</summary>
    internal required IReadOnlyList<string> Shortcomings { get; init; }

    /// <summary>Everything that is wrong.</summary>
    internal IEnumerable<string> Complaints => Losses.Concat(Shortcomings);

    /// <summary>What was injected.</summary>
    internal required IReadOnlyList<FaultRecord> Faults { get; init; }

    /// <summary>How the job got over it.</summary>
    internal required IReadOnlyList<Recovery> Recoveries { get; init; }

    /// <summary>What the ledgers prove.</summary>
    internal required LedgerVerdict Ledger { get; init; }

    /// <summary>Changes of membership, taken apart by the coordinator.</summary>
    internal required IReadOnlyList<Regroup> Regroups { get; init; }

    /// <summary>Times the job went back to a checkpoint.</summary>
    internal required int Restarts { get; init; }

    /// <summary>Kinds that could not be run here.</summary>
    internal IReadOnlyList<FaultKind> NotRun { get; init; } = [];

    /// <summary>Seed of all chance.</summary>
    internal int Seed { get; init; }

    /// <summary>How long the disturbed run took.</summary>
    internal TimeSpan Disturbed { get; init; }

    /// <summary>Whether nothing is wrong.</summary>
    internal bool Passed => !Complaints.Any();
}
