namespace KaleidoDist.Checkpoints;

/// <summary>Something about a run folder that does not hold, or that somebody may want to know.</summary>
/// <param name="Invariant">What does not hold: I1 history is linear, I2 manifests are immutable, I4 every manifest verifies, I6 every sample counts once, I7 generations
/// never go back, I9 steps never go back, I11 two valid checkpoints stay. Empty for a note.</param>
/// <param name="Text">One sentence.</param>
public sealed record RunFinding(string Invariant, string Text)
{
    /// <summary>Whether something is wrong; else it is a note: leftovers of crashes that retention collects, for example.</summary>
    public bool IsProblem => Invariant.Length > 0;

    /// <summary>A note.</summary>
    internal static RunFinding Note(string text) => new("", text);
}

/// <summary>What checking a run folder found.</summary>
/// <param name="CheckpointCount">Checkpoints in the log.</param>
/// <param name="ValidCount">Of them, those that are whole.</param>
/// <param name="StepCount">Steps in the journal.</param>
/// <param name="Findings">Problems first.</param>
public sealed record RunCheckReport(int CheckpointCount, int ValidCount, int StepCount, IReadOnlyList<RunFinding> Findings)
{
    /// <summary>What is wrong.</summary>
    public IEnumerable<RunFinding> Problems => Findings.Where(f => f.IsProblem);

    /// <summary>Whether all invariants hold.</summary>
    public bool IsSound => !Findings.Any(f => f.IsProblem);
}
