namespace KaleidoDist.Chaos;

/// <summary>What the nemesis can do. On a command line: the name in lower case with dashes.</summary>
internal enum FaultKind
{
    /// <summary>SIGKILL of a rank process.</summary>
    KillRank,

    /// <summary>SIGKILL of a worker agent: its node is lost, and its ranks die with it.</summary>
    KillAgent,

    /// <summary>SIGSTOP of a rank, SIGCONT before anybody may lose patience.</summary>
    PauseRank,

    /// <summary>SIGSTOP of a rank for so long that it must be removed; it must not take part again when it returns.</summary>
    HangRank,

    /// <summary>SIGSTOP of a worker agent past its lease; its ranks run.</summary>
    HangAgent,

    /// <summary>SIGKILL of the coordinator, and another one on the same state a little later.</summary>
    KillCoordinator,

    /// <summary>Reset of a host's data-plane connections.</summary>
    Reset,

    /// <summary>A host and the other workers do not hear each other for a while.</summary>
    CutPeers,

    /// <summary>A host and the coordinator do not hear each other for a while.</summary>
    CutCoordinator,

    /// <summary>What a host sends to the other workers is lost; it hears them.</summary>
    CutOneWay,

    /// <summary>One more worker.</summary>
    Join,

    /// <summary><c>kaleido drain</c> of a worker.</summary>
    Drain,

    /// <summary>SIGTERM of a worker.</summary>
    Terminate,

    /// <summary>A rank gets a quarter of a processor for a while.</summary>
    Slow,

    /// <summary>The run folder has no space for a while.</summary>
    FillDisk,
}

/// <summary>Names of <see cref="FaultKind"/>.</summary>
internal static class FaultKinds
{
    /// <summary>Kinds that need network namespaces, or a file system of their own.</summary>
    internal static IReadOnlyList<FaultKind> OfTheSystem { get; } = [FaultKind.Reset, FaultKind.CutPeers, FaultKind.CutCoordinator, FaultKind.CutOneWay, FaultKind.FillDisk];

    /// <summary>The name as on a command line: kill-rank.</summary>
    internal static string Name(this FaultKind kind)
        => string.Concat(kind.ToString().Select((letter, at) => char.IsUpper(letter) ? (at > 0 ? "-" : "") + char.ToLowerInvariant(letter) : letter.ToString()));

    /// <summary>The kind of a name, or null.</summary>
    internal static FaultKind? Parse(string name) => Enum.GetValues<FaultKind>().Cast<FaultKind?>().FirstOrDefault(kind => kind!.Value.Name() == name);
}
