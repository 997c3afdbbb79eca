using System.Globalization;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Chaos;

/// <summary>A verdict as text.</summary>
internal static class ChaosReport
{
    /// <summary>Table, complaints and, as the last line, the verdict.</summary>
    internal static IEnumerable<string> Lines(Verdict verdict) =>
    [
        .. Table(verdict),
        .. RegroupTable(verdict.Regroups),
        Text($"ledger: {verdict.Ledger.SampleCount} samples consumed, {verdict.Ledger.RedoneSteps} steps begun and redone, {verdict.Ledger.RolledBackSteps} rolled back; {verdict.Restarts} returns to a checkpoint, {verdict.Regroups.Count} regroups"),
        .. verdict.Complaints.Select(complaint => $"WRONG: {complaint}"),
        Line(verdict),
    ];

    private static string Line(Verdict verdict)
    {
        var notRun = verdict.NotRun.Count == 0 ? "" : $"; NOT RUN: {string.Join(", ", verdict.NotRun.Select(kind => kind.Name()))}";
        return verdict.Passed
            ? Text($"PASSED seed {verdict.Seed}: {verdict.Faults.Count} faults of {verdict.Faults.Select(f => f.Kind).Distinct().Count()} kinds in {verdict.Disturbed.TotalSeconds:0} s, all seen; every sample once; same losses and weights as the calm run{notRun}")
            : Text($"FAILED seed {verdict.Seed}: {verdict.Complaints.Count()} things are wrong after {verdict.Faults.Count} faults{notRun}");
    }

    private static IEnumerable<string> Table(Verdict verdict)
    {
        yield return "fault              times  seen   resumed after (median, max)   longest pause (median, max)";
        foreach (var kind in verdict.Faults.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key))
        {
            List<Recovery> recoveries = [.. verdict.Recoveries.Where(r => r.Fault.Kind == kind.Key)];
            var resumed = Spread(recoveries.Select(r => r.Resumed));
            var pause = Spread(recoveries.Select(r => r.Pause));
            yield return Text($"{kind.Key.Name(),-18} {kind.Count(),5} {kind.Count(fault => fault.Evidence is not null),5}   {resumed,-27}   {pause}");
        }
    }

    private static IEnumerable<string> RegroupTable(IReadOnlyList<Regroup> regroups)
    {
        List<Regroup> whole = [.. regroups.Where(r => r.NoticedAt is not null && r.DecidedAt is not null && r.FormedAt is not null && r.FirstStepAt is not null)];
        if (whole.Count == 0)
            yield break;
        yield return Text($"regroups ({whole.Count}), median and max: noticed to decided {Spread(whole.Select(r => (r.DecidedAt - r.NoticedAt).ToTimeSpan()))}, to formed {Spread(whole.Select(r => (r.FormedAt - r.DecidedAt).ToTimeSpan()))}, to first step {Spread(whole.Select(r => (r.FirstStepAt - r.FormedAt).ToTimeSpan()))}; within forming: connect {Spread(whole.Select(r => TimeSpan.FromSeconds(r.ConnectSeconds)))}, agree {Spread(whole.Select(r => TimeSpan.FromSeconds(r.AgreeSeconds)))}, catch up {Spread(whole.Select(r => TimeSpan.FromSeconds(r.CatchUpSeconds)))}");
    }

    private static string Spread(IEnumerable<TimeSpan> times)
    {
        double[] seconds = [.. times.Select(t => t.TotalSeconds).Order()];
        return seconds.Length == 0 ? "-" : Text($"{seconds[seconds.Length / 2]:0.00} s, {seconds[^1]:0.00} s");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
