using System.CommandLine;
using KaleidoDist.Checkpoints;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido fsck RUN</c>: whether a run's history holds what is promised of it.</summary>
internal static class FsckVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = CheckpointCommand.RunDescription };
        var store = new Option<string?>("--store") { HelpName = "STORE", Description = "Where the checkpoints are if not in the run folder: checkpoint.store of the job." };
        var json = CheckpointCommand.Json();
        var command = new Command("fsck", """
            Checks a run folder: history is one line (I1), manifests are as they were written (I2), every checkpoint verifies (I4), every sample counts once (I6),
            generations and steps never go back (I7, I9), two valid checkpoints are left (I11). Reads every byte and changes nothing. Exits with 1 when something
            is wrong; what crashes leave behind is noted and is not wrong.

            Examples:
              kaleido fsck runs/quickstart
              kaleido fsck runs/quickstart --json
              kaleido fsck runs/base --store s3://team/runs/base
            """) { run, store, json };
        command.SetAction(parsed => CheckpointCommand.Answer(parsed, () =>
        {
            var folder = parsed.GetRequiredValue(run);
            if (!S3Address.IsOne(folder) && !Directory.Exists(folder))
                throw new KaleidoException($"'{CheckpointStores.Absolute(folder)}' is no folder; expected a run folder (checkpoint.uri).");
            var report = new RunCheck(parsed.GetValue(store) ?? folder).Check(RunHistory.Read(folder));
            CheckpointCommand.Write(parsed, json, () => ToJson(folder, report), output => WriteTo(output, report));
            return report.IsSound
                ? ExitCode.Done
                : throw new KaleidoException($"{(report.Problems.Count() is > 1 and var count ? $"{count} things are" : "One thing is")} wrong with '{CheckpointStores.Absolute(folder)}': {string.Join(", ", report.Problems.Select(p => p.Invariant).Distinct())}. A resume uses the newest valid checkpoint.");
        }));
        return command;
    }

    private static string ToJson(string run, RunCheckReport report) => ReportJson.Of(new
    {
        Run = CheckpointStores.Absolute(run),
        Sound = report.IsSound,
        Checkpoints = report.CheckpointCount,
        ValidCheckpoints = report.ValidCount,
        JournalSteps = report.StepCount,
        Problems = report.Problems,
        Notes = report.Findings.Where(f => !f.IsProblem).Select(f => f.Text),
    });

    private static void WriteTo(TextWriter output, RunCheckReport report)
    {
        foreach (var finding in report.Findings)
            output.WriteLine(finding.IsProblem ? $"{finding.Invariant} {finding.Text}" : $"note: {finding.Text}");
        output.WriteLine($"{report.ValidCount} of {report.CheckpointCount} checkpoints are valid, {report.StepCount} steps in the journal: {(report.IsSound ? "all is well" : "something is wrong")}");
    }
}
