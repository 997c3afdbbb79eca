using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido status JOB</c>.</summary>
internal static class StatusVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("status", """
            Shows one job: state and reason, progress, losses, ranks, checkpoints and newest events.

            Examples:
              kaleido status quickstart-7f3a
              kaleido status quickstart --watch
              kaleido status quickstart --json | jq .last_step.total_loss

            JOB is an id, the beginning of one, or a name. With --watch: exit code 0 succeeded, 1 failed or cancelled, 75 stopped but
            resumable, 130 when Ctrl-C ended the watching (the job goes on).
            """);
        var job = JobArgument.Create();
        var watch = new Option<bool>("--watch") { Description = "Keep showing the job until it ends." };
        var json = new Option<bool>("--json") { Description = "Print JSON: one object; with --watch one object a line." };
        var address = CoordinatorAddress.CreateOption();
        command.Arguments.Add(job);
        command.Options.Add(watch);
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var status = await JobReference.Find(coordinator, arguments.GetRequiredValue(job), cancellation);
            if (arguments.GetValue(watch))
                return await WatchVerb.Watch(context, coordinator, status.JobId, arguments.GetValue(json), cancellation);
            if (arguments.GetValue(json))
                await context.Output.WriteLineAsync(StatusJson.Of(status).ToJsonString());
            else
                Show(context, status);
            return ExitCode.Done;
        });
    }

    private static void Show(CommandContext context, JobStatus status)
    {
        var progress = new TrainingProgress();
        progress.Apply(status);
        context.Console.Write(new Text($"job {status.JobId}  run folder {status.RunDirectory}\n"));
        context.Console.Write(LiveFrame.Build(progress, context.Time.GetUtcNow(), context.Time.LocalTimeZone, context.Console.Profile.Width));
        if (status.Validation.Count > 0)
            context.Console.Write(new Text($"{ProgressLines.Validation(ValidationRecord.FromProto(status.Validation[0].Step, status.Validation))}\n"));
    }
}
