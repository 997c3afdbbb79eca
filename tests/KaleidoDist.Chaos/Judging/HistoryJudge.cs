using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Chaos;

/// <summary>Compares what two runs of one job left in their folders: a calm one, and one that was disturbed.</summary>
internal static class HistoryJudge
{
    private const int ShownComplaints = 5;

    /// <summary>What differs and must not, one sentence each.</summary>
    /// <param name="calm">Run folder of the run in which nothing happened.</param>
    /// <param name="disturbed">Run folder of the other.</param>
    /// <param name="totalSteps">Steps of the job.</param>
    /// <param name="time">Dates what the catalog finds.</param>
    /// <param name="mayMissSteps">The disk was full for a while: its journal need not have every step.</param>
    internal static IReadOnlyList<string> Compare(string calm, string disturbed, long totalSteps, TimeProvider time, bool mayMissSteps = false)
        => [.. CompareWeights(Newest(calm, time), Newest(disturbed, time), totalSteps), .. CompareJournals(calm, disturbed, totalSteps, mayMissSteps)];

    private static CheckpointManifest? Newest(string folder, TimeProvider time)
        => Directory.Exists(folder) ? new CheckpointCatalog(folder, time).FindLatestValid().Manifest : null;

    private static IEnumerable<string> CompareWeights(CheckpointManifest? calm, CheckpointManifest? disturbed, long totalSteps)
    {
        if (calm is null || disturbed is null)
        {
            yield return $"the {(calm is null ? "calm" : "disturbed")} run has no valid checkpoint";
            yield break;
        }

        if (calm.Step != totalSteps || disturbed.Step != totalSteps)
            yield return $"the newest checkpoint is of step {calm.Step} in the calm run and of step {disturbed.Step} in the disturbed one; expected {totalSteps}";
        if (calm.WeightsXxh128 != disturbed.WeightsXxh128)
            yield return $"the weights differ: XXH128 {calm.WeightsXxh128} in the calm run, {disturbed.WeightsXxh128} in the disturbed one";
    }

    private static IEnumerable<string> CompareJournals(string calm, string disturbed, long totalSteps, bool mayMissSteps)
    {
        var complaints = new List<string>();
        var missing = new List<long>();
        foreach (var step in Steps(disturbed).GroupBy(step => step.Step).Where(step => step.Count() > 1))
            complaints.Add($"step {step.Key} is {step.Count()} times in {RunJournal.FileName}");
        var expected = RunHistory.Read(calm);
        var found = RunHistory.Read(disturbed);
        if (found.SkippedLineCount > 0)
            complaints.Add($"{found.SkippedLineCount} lines of {RunJournal.FileName} are not records");
        var steps = found.Steps.ToDictionary(step => step.Step);
        if (expected.Steps.Count != totalSteps)
            complaints.Add($"the calm run's journal has {expected.Steps.Count} steps; expected {totalSteps}");
        foreach (var step in expected.Steps)
        {
            if (!steps.Remove(step.Step, out var other))
                missing.Add(step.Step);
            else if (Line(step) != Line(other))
                complaints.Add($"step {step.Step} differs: {Line(step)} in the calm run, {Line(other)} in the disturbed one");
        }

        if (!mayMissSteps)
            complaints.AddRange(StepRanges.Of(missing).Select(range => $"{range} missing in {RunJournal.FileName}"));
        complaints.AddRange(steps.Keys.Select(step => $"step {step} is in {RunJournal.FileName}, but not in the calm run's"));
        return complaints.Count <= ShownComplaints
            ? complaints
            : [.. complaints.Take(ShownComplaints), $"and {complaints.Count - ShownComplaints} more of {RunJournal.FileName}"];
    }

    /// <summary>Every record of a step, also where a reader would take only the newest.</summary>
    private static IEnumerable<StepRecord> Steps(string folder)
    {
        var path = Path.Combine(folder, RunJournal.FileName);
        return File.Exists(path)
            ? File.ReadLines(path).Where(line => line.Contains("\"total_loss\"", StringComparison.Ordinal)).Select(line => JsonSerializer.Deserialize<StepRecord>(line, JournalFormat.Json)!)
            : [];
    }

    /// <summary>A step without what may differ: times, generation, world size.</summary>
    private static string Line(StepRecord step) => JsonSerializer.Serialize(
        step with { StepSeconds = 0, DataWaitSeconds = 0, ComputeSeconds = 0, ReduceSeconds = 0, Generation = 0, WorldSize = 0 }, JournalFormat.Json);
}
