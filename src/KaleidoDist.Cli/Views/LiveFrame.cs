using System.Globalization;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace KaleidoDist.Cli;

/// <summary>One picture of the live display: a pure function of what is known and the time.</summary>
internal static class LiveFrame
{
    private const int TrendWidth = 16;
    private const int ShownEvents = 5;
    private const int ShownRanks = 16;
    private const string Indent = "  ";

    /// <summary>Builds the picture.</summary>
    /// <param name="progress">What is known of the job.</param>
    /// <param name="now">For the age of the last checkpoint.</param>
    /// <param name="zone">For the times of events.</param>
    /// <param name="width">Columns of the terminal.</param>
    internal static IRenderable Build(TrainingProgress progress, DateTimeOffset now, TimeZoneInfo zone, int width)
    {
        var status = progress.Status;
        List<IRenderable> rows = [Heading(status), new Text(Bar(status, Math.Clamp(width - 60, 10, 40)))];
        var isExtraction = status.Task == ProgressLines.Extraction;
        if (progress.LastStep is { } round && isExtraction)
        {
            rows.Add(new Text(ProgressLines.Rows(round, status)));
        }
        else if (progress.LastStep is { } step)
        {
            rows.Add(new Text(Rates(step, status)));
            rows.Add(Text.Empty);
            rows.Add(Losses(step, progress));
        }

        if (status.Ranks.Count > 0)
            rows.AddRange([Text.Empty, Ranks(status)]);
        rows.AddRange(isExtraction ? [Text.Empty] : [Text.Empty, new Text(LastCheckpoint(status, now))]);
        if (status.LastRegroup is { } change)
            rows.Add(new Text(ProgressLines.Regroup(change)));
        rows.AddRange(status.Events.TakeLast(ShownEvents).Select(e => Event(e, zone)));
        if (progress.Note.Length > 0)
            rows.Add(new Text(progress.Note, Color.Yellow));
        return new Rows(rows);
    }

    /// <summary><c>█████░░░░░ step 120/400  30.0 %  epoch 1.2  ETA 3 m 20 s</c>.</summary>
    internal static string Bar(JobStatus status, int width)
    {
        var share = status.TotalSteps > 0 ? Math.Clamp((double)status.Step / status.TotalSteps, 0, 1) : 0;
        var full = (int)(share * width);
        var eta = JobStates.IsSettled(status.State) ? "" : $"  ETA {Units.Duration(status.EtaSeconds)}";
        return $"{new string('█', full)}{new string('░', width - full)} step {ProgressLines.Position(status.Step, status.TotalSteps)}  {Units.Percent(share)}  epoch {Units.OneDecimal(status.Epoch)}{eta}";
    }

    /// <summary>Speed, learning rate and gradient norm of a step.</summary>
    internal static string Rates(StepMetrics step, JobStatus status)
        => $"{Units.Count(step.Samples)} samples  {Units.OneDecimal(status.SamplesPerSecond)} samples/s  step {Units.Duration(step.StepSeconds)}  learning rate {Units.Scientific(step.LearningRate)}  gradient norm {Units.Number(step.GradientNorm)}";

    /// <summary>The newest checkpoint and its age.</summary>
    internal static string LastCheckpoint(JobStatus status, DateTimeOffset now)
    {
        if (status.Checkpoints.MaxBy(c => c.Seq) is not { } newest)
            return "no checkpoint yet";
        var age = newest.CreatedAt is { } at ? $", {Units.Duration(now - at.ToDateTimeOffset())} ago" : "";
        return $"{ProgressLines.Checkpoint(newest)}{age}{ReadBack(status.Checkpoints, now)}{LeftOut(status.SkippedSaves)}";
    }

    /// <summary>How many checkpoints were read back, and since when none was; empty before the first was.</summary>
    private static string ReadBack(IReadOnlyCollection<CheckpointInfo> checkpoints, DateTimeOffset now)
    {
        var read = checkpoints.Where(c => c.CheckedAt is not null).ToList();
        if (read.Count == 0)
            return "";
        var damaged = read.Where(c => c.Damage.Length > 0).Select(c => c.Seq).Order().ToList();
        var found = damaged.Count == 0 ? $"{read.Count} of {checkpoints.Count} kept read back and whole" : $"DAMAGED: {string.Join(", ", damaged)}";
        return $"; {found}, oldest check {Units.Duration(now - read.Min(c => c.CheckedAt.ToDateTimeOffset()))} ago";
    }

    /// <summary>Checkpoints that storage was too slow for; empty for none.</summary>
    private static string LeftOut(long count) => count == 0 ? "" : $"; {Units.Count(count)} left out";

    private static Columns Heading(JobStatus status)
    {
        var color = status.State switch
        {
            JobState.Running or JobState.Succeeded => Color.Green,
            JobState.Failed or JobState.Cancelled => Color.Red,
            _ => Color.Yellow,
        };
        return new Columns(new Text(Units.Printable(status.Name), new Style(decoration: Decoration.Bold)), new Text(ProgressLines.State(status), color)) { Expand = false };
    }

    private static Table Losses(StepMetrics step, TrainingProgress progress)
    {
        var table = PlainTable.Create("task", "loss", "trend", "accuracy", "chance");
        table.AddRow("total", Units.Number(step.TotalLoss), Trend.Draw(progress.TotalLoss.Points, TrendWidth), "", "");
        foreach (var task in step.Tasks)
        {
            var accuracy = task.Accuracy >= 0 ? Units.Percent(task.Accuracy) : "";
            var trend = progress.Loss(task.Task) is { } course ? Trend.Draw(course.Points, TrendWidth) : "";
            table.AddRow(new Text(Units.Printable(task.Task)), new Text(Units.Number(task.Loss)), new Text(trend, Color.Grey), new Text(accuracy), new Text(Chance(task.Task), Color.Grey));
        }

        return table;
    }

    private static string Chance(string task)
    {
        var chance = PretrainTasks.Names.ToList().IndexOf(task) is >= 0 and var index
            ? PretrainTasks.Chance((PretrainTask)index, new ModelConfig().VocabularySize)
            : double.NaN;
        return double.IsNaN(chance) ? "" : Units.Percent(chance);
    }

    private static Table Ranks(JobStatus status)
    {
        // The remark has a column only while there is one.
        var hasRemarks = status.Ranks.Any(r => r.Remark.Length > 0);
        string[] columns = ["rank", "worker", "phase", "step", "step time", "virtual ranks"];
        var table = PlainTable.Create(hasRemarks ? [.. columns, "remark"] : columns);
        foreach (var rank in status.Ranks.OrderBy(r => r.Joining).ThenBy(r => r.Rank).ThenBy(r => r.Member).Take(ShownRanks))
        {
            var hosted = rank.VirtualRankCount > 0 ? $"{rank.FirstVirtualRank}..{rank.FirstVirtualRank + rank.VirtualRankCount - 1}" : Units.Unknown;
            List<IRenderable> row =
            [
                new Text(rank.Joining ? "joins" : rank.Rank.ToString(CultureInfo.InvariantCulture)),
                new Text(Units.Printable(rank.WorkerId)),
                new Text(Units.Printable(rank.Phase)),
                new Text(Units.Count(rank.Step)),
                new Text(Units.Duration(rank.StepSeconds)),
                new Text(hosted),
            ];
            if (hasRemarks)
                row.Add(new Text(Units.Printable(rank.Remark), Color.Yellow));
            table.AddRow(row);
        }

        if (status.Ranks.Count > ShownRanks)
            table.Caption = new TableTitle($"and {status.Ranks.Count - ShownRanks} more ranks");
        return table;
    }

    private static Text Event(JobEvent known, TimeZoneInfo zone)
    {
        var at = known.At is { } time ? TimeZoneInfo.ConvertTime(time.ToDateTimeOffset(), zone).ToString("HH:mm:ss", CultureInfo.InvariantCulture) : "";
        return new Text($"{Indent}{at} {ProgressLines.Event(known)}", known.Code.StartsWith("KD-W", StringComparison.Ordinal) ? Color.Yellow : Color.Grey);
    }
}
