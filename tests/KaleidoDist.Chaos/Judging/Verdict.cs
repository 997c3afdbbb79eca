using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Chaos;

/// <summary>What came of a chaos run.</summary>
internal sealed record Verdict
{
    /// <summary>Everything that is wrong, one sentence each.</summary>
    internal required IReadOnlyList<string> Complaints { get; init; }

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
    internal bool Passed => Complaints.Count == 0;
}
