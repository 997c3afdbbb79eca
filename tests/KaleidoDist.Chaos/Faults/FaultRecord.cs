namespace KaleidoDist.Chaos;

/// <summary>A fault that was injected, and what was seen of it.</summary>
internal sealed class FaultRecord
{
    /// <summary>Position in the run, from 1.</summary>
    internal required int Number { get; init; }

    /// <summary>What was done.</summary>
    internal required FaultKind Kind { get; init; }

    /// <summary>To whom.</summary>
    internal required string Target { get; init; }

    /// <summary>When, by the monotonic clock that ledgers use.</summary>
    internal required long Clock { get; init; }

    /// <summary>When, by the clock that the coordinator's events use.</summary>
    internal required DateTimeOffset At { get; init; }

    /// <summary>How long it was meant to last.</summary>
    internal TimeSpan Duration { get; init; }

    /// <summary>Codes of the coordinator's log, one of which must appear after it; empty where nobody has to say anything.</summary>
    internal IReadOnlyList<string> ExpectedCodes { get; set; } = [];

    /// <summary>How it was seen to have fired; null as long as it was not.</summary>
    internal string? Evidence { get; set; }

    /// <summary>What should have followed and did not.</summary>
    internal List<string> Complaints { get; } = [];

    /// <inheritdoc/>
    public override string ToString() => $"#{Number} {Kind.Name()} of {Target}";
}

/// <summary>An event of the coordinator's log.</summary>
/// <param name="At">When, by the coordinator.</param>
/// <param name="Code">For example KD-W101; empty for plain notes.</param>
/// <param name="Text">One sentence.</param>
internal sealed record SeenEvent(DateTimeOffset At, string Code, string Text);
