using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido train JOB.yaml</c>: a whole cluster on this machine, for one job.</summary>
internal static class TrainVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("train", """
            Trains a job on this machine: a coordinator and a worker in this process, each rank a process of its own.

            Ctrl-C (or SIGTERM) finishes the step, writes a checkpoint and exits with 75; the same command goes on from there. A second
            Ctrl-C ends at once (130). A finished run says so and exits with 0. The run folder is 'checkpoint.uri'.

            Examples:
              kaleido train configs/quickstart.yaml
              kaleido train configs/quickstart.yaml --workers 4 --set training.steps=20 --set checkpoint.uri=runs/try
              kaleido train configs/quickstart.yaml --fresh runs/second
              kaleido train configs/quickstart.yaml --resume 3
              kaleido train configs/quickstart.yaml --fork-from runs/quickstart@3 --set checkpoint.uri=runs/other
            """);
        var spec = new JobSpecArguments(command);
        var workers = new Option<int?>("--workers") { HelpName = "N", Description = "Number of rank processes. Default: as many as the machine has cores for, within workers.min and workers.max." };
        var fresh = new Option<string?>("--fresh") { HelpName = "folder", Description = "Start over: into the named folder, or into the job's own; it must be empty.", Arity = ArgumentArity.ZeroOrOne };
        var stopAfter = new Option<long>("--stop-after") { HelpName = "step", Description = "Stop with a checkpoint after this step, as Ctrl-C would (exit 75)." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object a line: snapshots of the job and its steps." };
        var verbose = new Option<bool>("--verbose") { Description = "Log more, into the run folder." };
        foreach (var option in new Option[] { workers, fresh, stopAfter, json, verbose })
            command.Options.Add(option);
        var start = new StartArguments(command);
        return command.Does(context, async (arguments, _) =>
        {
            var overrides = new List<string>();
            if (arguments.GetValue(workers) is { } count)
                overrides.AddRange([$"workers.min={count}", $"workers.max={count}"]);
            var startsOver = arguments.GetResult(fresh) is not null;
            if (arguments.GetValue(fresh) is { Length: > 0 } folder)
                overrides.Add($"checkpoint.uri={Path.GetFullPath(folder)}");
            var (job, yaml) = spec.ReadText(arguments, overrides);
            if (startsOver)
                RunFolder.RequireEmpty(job.Checkpoint);
            var resumeSeq = start.Apply(arguments, context, job);
            return await new LocalTraining(context, job, yaml, spec.FileName(arguments))
            {
                StopAfterStep = arguments.GetValue(stopAfter),
                ResumeSeq = resumeSeq,
                Json = arguments.GetValue(json),
                Verbose = arguments.GetValue(verbose),
            }.RunAsync();
        });
    }
}
