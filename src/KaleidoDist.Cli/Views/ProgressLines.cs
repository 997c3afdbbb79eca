using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>A line of the plain display.</summary>
/// <param name="At">When it happened; null for just now.</param>
/// <param name="Text">What.</param>
internal readonly record struct ProgressLine(DateTimeOffset? At, string Text);

/// <summary>The words of the plain display: pure functions from snapshots and steps to lines.</summary>
internal static class ProgressLines
{
    /// <summary>The task whose steps are row groups.</summary>
    internal const string Extraction = "extract";

    /// <summary><c>rows 1,024  row groups 4/11  9.3 rows/s  ETA 3 m 20 s</c>, for an extraction.</summary>
    internal static string Rows(StepMetrics step, JobStatus status)
    {
        List<string> parts = [$"rows {Units.Count(step.Samples)}", $"row groups {Position(step.Step, status.TotalSteps)}"];
        if (step.ReplacedSamples > 0)
            parts.Add($"{Units.Count(step.ReplacedSamples)} do not decode");
        if (step.SamplesPerSecond > 0)
            parts.Add($"{Units.OneDecimal(step.SamplesPerSecond)} rows/s");
        if (status.EtaSeconds > 0)
            parts.Add($"ETA {Units.Duration(status.EtaSeconds)}");
        return string.Join("  ", parts);
    }

    /// <summary>One line for a step.</summary>
    internal static string Step(StepMetrics step, JobStatus status)
    {
        if (status.Task == Extraction)
            return Rows(step, status);
        List<string> parts = [$"step {Position(step.Step, status.TotalSteps)}", $"epoch {Units.OneDecimal(step.Epoch)}", $"loss {Units.Number(step.TotalLoss)}"];
        parts.AddRange(step.Tasks.Select(Task));
        parts.Add($"lr {Units.Scientific(step.LearningRate)}");
        parts.Add($"norm {Units.Number(step.GradientNorm)}");
        if (status.SamplesPerSecond > 0)
            parts.Add($"{Units.OneDecimal(status.SamplesPerSecond)} samples/s");
        if (status.EtaSeconds > 0)
            parts.Add($"ETA {Units.Duration(status.EtaSeconds)}");
        return string.Join("  ", parts);
    }

    /// <summary>What is worth a line between two snapshots: a new state, checkpoints, validation results, events; nothing for mere progress. What has a time of its own keeps it, and comes in that order.</summary>
    /// <param name="before">The snapshot shown before; null for none.</param>
    /// <param name="after">The snapshot to show.</param>
    internal static IEnumerable<ProgressLine> Changes(JobStatus? before, JobStatus after)
    {
        if (before is null || before.State != after.State || before.Reason != after.Reason || before.Generation != after.Generation || before.WorldSize != after.WorldSize)
            yield return new ProgressLine(null, State(after));
        var newestKnown = before?.Checkpoints.Select(c => c.Seq).DefaultIfEmpty().Max() ?? 0;
        var events = after.Events.Except(before?.Events ?? []).Select(e => new ProgressLine(e.At?.ToDateTimeOffset(), Event(e)));
        var checkpoints = after.Checkpoints.Where(c => c.Seq > newestKnown).OrderBy(c => c.Seq).Select(c => new ProgressLine(c.CreatedAt?.ToDateTimeOffset(), Checkpoint(c)));
        foreach (var line in events.Concat(checkpoints).OrderBy(l => l.At ?? DateTimeOffset.MaxValue))
            yield return line;
        if (after.Validation.Count > 0 && !after.Validation.Equals(before?.Validation))
            yield return new ProgressLine(null, Validation(ValidationRecord.FromProto(after.Validation[0].Step, after.Validation)));
    }

    /// <summary>A job's state with its reason.</summary>
    internal static string State(JobStatus status)
    {
        var ranks = status.WorldSize > 0 ? $" (generation {status.Generation}, {status.WorldSize} {(status.WorldSize == 1 ? "rank" : "ranks")})" : "";
        var reason = status.Reason.Length > 0 ? $": {Units.Printable(status.Reason)}" : "";
        return $"{JobStates.Word(status.State)}{ranks}{reason}";
    }

    /// <summary>A committed checkpoint.</summary>
    internal static string Checkpoint(CheckpointInfo checkpoint)
        => $"checkpoint {checkpoint.Seq} at step {Units.Count(checkpoint.Step)}{(checkpoint.Bytes > 0 ? $" ({Units.Bytes(checkpoint.Bytes)})" : "")}";

    /// <summary>The newest change of membership and how long its parts took.</summary>
    internal static string Regroup(Regroup change)
    {
        List<string> parts = [];
        Add("decided", change.NoticedAt, change.DecidedAt);
        Add("formed", change.DecidedAt, change.FormedAt);
        Add("first step", change.FormedAt, change.FirstStepAt);
        var ranks = $"{change.WorldSize} {(change.WorldSize == 1 ? "rank" : "ranks")}";
        return $"last change: generation {change.Generation}, {ranks} from step {Units.Count(change.Step)} ({string.Join(", ", parts)}): {Units.Printable(change.Cause)}";

        void Add(string what, Google.Protobuf.WellKnownTypes.Timestamp? from, Google.Protobuf.WellKnownTypes.Timestamp? to)
        {
            if (from is not null && to is not null)
                parts.Add($"{what} in {Units.Duration((to.ToDateTimeOffset() - from.ToDateTimeOffset()).TotalSeconds)}");
        }
    }

    /// <summary>An event with its code.</summary>
    internal static string Event(JobEvent known) => Units.Printable(known.Code.Length > 0 ? $"{known.Code} {known.Text}" : known.Text);

    /// <summary>Results on the validation set.</summary>
    internal static string Validation(ValidationRecord record)
        => $"validation at step {Units.Count(record.Step)}: {string.Join(", ", record.Validation.Select(t => ValidationOf(t.Key, t.Value)))}";

    /// <summary><c>120/400</c>, or <c>120</c> while the total is unknown.</summary>
    internal static string Position(long step, long total) => total > 0 ? $"{Units.Count(step)}/{Units.Count(total)}" : Units.Count(step);

    private static string Task(TaskLoss task)
        => $"{task.Task} {Units.Number(task.Loss)}{(task.Accuracy >= 0 ? $" ({Units.Percent(task.Accuracy)})" : "")}";

    private static string ValidationOf(string task, TaskRecord record)
    {
        var perplexity = record.Perplexity is { } value ? $", perplexity {Units.Number(value)}" : "";
        var accuracy = record.Accuracy is { } share ? $" ({Units.Percent(share)}{perplexity})" : "";
        return $"{task} {Units.Number(record.Loss)}{accuracy}";
    }
}
