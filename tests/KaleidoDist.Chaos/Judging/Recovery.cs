namespace KaleidoDist.Chaos;

/// <summary>How a job got over a fault.</summary>
/// <param name="Fault">The fault.</param>
/// <param name="Resumed">From the fault to the first new step after the first unusual pause behind it; to the first new step where it caused none.</param>
/// <param name="Pause">The longest time without a new step that the fault can be blamed for.</param>
/// <param name="Quiet">What of that pause is left after the end of the last fault that struck within it: nobody disturbed the job any more.</param>
internal sealed record Recovery(FaultRecord Fault, TimeSpan Resumed, TimeSpan Pause, TimeSpan Quiet);

/// <summary>Reads from the ledgers how long each fault kept the job from making new steps.</summary>
internal static class Recoveries
{
    // Steps differ in length by themselves, and more so on a busy machine.
    private const int UnusualPause = 5;

    // A fault shows at the latest when a lease runs out; what pauses later has another cause.
    private static readonly TimeSpan Reach = TimeSpan.FromSeconds(8);

    /// <summary>
    /// A recovery for each fault. New steps are those that nobody had applied before: repeating steps from a checkpoint is part of the
    /// pause. Pauses that begin after the next fault are the next fault's.
    /// </summary>
    /// <param name="ledger">The ledgers.</param>
    /// <param name="faults">The faults, in order.</param>
    /// <param name="time">The clock both are dated by.</param>
    internal static IReadOnlyList<Recovery> Read(RunLedger ledger, IReadOnlyList<FaultRecord> faults, TimeProvider time)
    {
        var progress = NewSteps(ledger);
        var usual = progress.Zip(progress.Skip(1), (from, to) => to - from).Order().ElementAtOrDefault(progress.Count / 2);
        var recoveries = new List<Recovery>();
        for (var i = 0; i < faults.Count; i++)
        {
            var fault = faults[i];
            var end = fault.Clock + Ticks(fault.Duration + Reach, time);
            if (i + 1 < faults.Count)
                end = Math.Min(end, faults[i + 1].Clock);
            long? first = null, resumed = null;
            (long From, long To)? longest = null;
            for (var at = 1; at < progress.Count; at++)
            {
                var (from, to) = (progress[at - 1], progress[at]);
                if (to > fault.Clock)
                    first ??= to;
                if (to > fault.Clock && from < end && to - from > UnusualPause * usual)
                    resumed ??= to;
                if (to > fault.Clock && from < end && (longest is not { } known || to - from > known.To - known.From))
                    longest = (from, to);
            }

            if (longest is not { } pause)
                continue;
            var disturbed = faults.Where(f => f.Clock < pause.To).Max(f => Math.Min(f.Clock + Ticks(f.Duration, time), pause.To));
            recoveries.Add(new Recovery(
                fault, time.GetElapsedTime(fault.Clock, resumed ?? first!.Value), time.GetElapsedTime(pause.From, pause.To),
                time.GetElapsedTime(Math.Max(pause.From, disturbed), pause.To)));
        }

        return recoveries;
    }

    /// <summary>When each step was applied for the first time, ascending; a step that came after a later one is not new.</summary>
    private static List<long> NewSteps(RunLedger ledger)
    {
        var progress = new List<long>();
        long highest = 0;
        foreach (var step in ledger.Entries.OfType<AppliedStep>().OrderBy(step => step.Clock))
        {
            if (step.Step <= highest)
                continue;
            highest = step.Step;
            progress.Add(step.Clock);
        }

        return progress;
    }

    private static long Ticks(TimeSpan span, TimeProvider time) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
