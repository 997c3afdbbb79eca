namespace KaleidoDist.Chaos;

/// <summary>Whether faults really happened, and whether the job said so: a nemesis that injects nothing proves nothing.</summary>
internal static class FaultJudge
{
    // Codes are dated by the coordinator's wall clock, faults by the nemesis just before it acts.
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMilliseconds(200);

    /// <summary>What is wrong with the injected faults, one sentence each.</summary>
    /// <param name="faults">What was injected.</param>
    /// <param name="events">All events of the job.</param>
    /// <param name="withdrawn">Faults that were taken back: a kind that never did anything else is not injected at all.</param>
    internal static IReadOnlyList<string> Judge(IReadOnlyList<FaultRecord> faults, IReadOnlyList<SeenEvent> events, IReadOnlyList<FaultRecord> withdrawn)
    {
        if (faults.Count == 0)
            return ["no fault was injected: the run proves nothing"];
        var complaints = withdrawn.Where(w => faults.All(f => f.Kind != w.Kind)).Select(w => $"{w} did nothing, and no other fault of its kind did anything").ToList();
        foreach (var fault in faults)
        {
            if (fault.Evidence is null)
                complaints.Add($"{fault} injected nothing: it was not seen to have fired");
            if (fault.ExpectedCodes.Count > 0 && !events.Any(e => e.At >= fault.At - ClockSlack && fault.ExpectedCodes.Contains(e.Code)))
                complaints.Add($"{fault} is not in the job's events: none of {string.Join(", ", fault.ExpectedCodes)} after {fault.At:HH:mm:ss.fff}");
            complaints.AddRange(fault.Complaints.Select(complaint => $"{fault}: {complaint}"));
        }

        return complaints;
    }
}
