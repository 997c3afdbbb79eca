using System.CommandLine;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido checkpoint prune RUN</c>: retention by hand.</summary>
internal static class CheckpointPruneVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = CheckpointCommand.RunDescription };
        var job = new Option<string?>("--job") { HelpName = "JOB.yaml", Description = "The job's specification: its checkpoint.keep decides. Without it: last 3 and one every 6h, the defaults." };
        var last = new Option<int?>("--last") { HelpName = "N", Description = "Keep the newest N, at least 2; instead of the specification's number." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Change nothing: print what would go, what would stay, and why." };
        var json = CheckpointCommand.Json();
        var command = new Command("prune", """
            Removes the checkpoints of a run that no rule keeps, and what crashes left. Final and pinned ones stay, and nothing goes before two of those
            that stay have been read back and are valid. Works beside a running job, which removes what it need not keep by itself: what it counts on stays.

            Examples:
              kaleido checkpoint prune runs/quickstart --dry-run
              kaleido checkpoint prune runs/quickstart --job configs/quickstart.yaml --last 2
            """) { run, job, last, dryRun, json };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, parsed.GetRequiredValue(run), catalog =>
        {
            var policy = RetentionPolicy.Of(parsed.GetValue(job) is { } path
                ? JobSpecReader.ReadFile(path).OrThrow().Checkpoint
                : new CheckpointSpec { Uri = parsed.GetRequiredValue(run) });
            if (parsed.GetValue(last) is { } count)
                policy = policy with { KeepLast = count };
            var plan = catalog.PlanRetention(policy);
            var done = parsed.GetValue(dryRun) ? null : catalog.Prune(policy);
            CheckpointCommand.Write(parsed, json, () => ToJson(plan, done), output => WriteTo(output, plan, done));
            return done?.Withheld is { } withheld ? throw new KaleidoException(withheld) : ExitCode.Done;
        }));
        return command;
    }

    private static string ToJson(RetentionPlan plan, RetentionReport? done) => ReportJson.Of(new
    {
        DryRun = done is null,
        Keep = plan.Keep.Select(k => new { k.Manifest.Seq, k.Manifest.Step, k.Why }),
        Remove = plan.Remove.Select(m => new { m.Seq, m.Step, m.Bytes }),
        Orphans = plan.OrphanFolders,
        Removed = done?.RemovedSeqs,
        RemovedFolders = done?.RemovedFolders,
    });

    private static void WriteTo(TextWriter output, RetentionPlan plan, RetentionReport? done)
    {
        if (done is not null)
        {
            output.WriteLine($"removed: {Count(done.RemovedSeqs.Count, "checkpoint")}, {Count(done.RemovedFolders.Count, "data folder")}");
            return;
        }

        foreach (var manifest in plan.Remove)
            output.WriteLine($"would remove checkpoint {manifest.Seq}: step {manifest.Step}, {ByteText.Of(manifest.Bytes)}");
        foreach (var orphan in plan.OrphanFolders)
            output.WriteLine($"would remove data/{orphan}: belongs to no checkpoint");
        foreach (var kept in plan.Keep)
            output.WriteLine($"would keep checkpoint {kept.Manifest.Seq}: {kept.Why}{(kept.IsSuperseded ? " (superseded)" : "")}");
        output.WriteLine($"{Count(plan.Remove.Count, "checkpoint")} to remove, {ByteText.Of(plan.Remove.Sum(m => m.Bytes))}");
    }

    private static string Count(int count, string what) => $"{count} {what}{(count == 1 ? "" : "s")}";
}
