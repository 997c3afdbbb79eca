using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido submit JOB.yaml</c>.</summary>
internal static class SubmitVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("submit", """
            Gives a job to a coordinator.

            The specification is checked first: all errors at once, exit code 2. Relative paths in it start from the current folder, and
            have to mean the same on the coordinator's machine. An unfinished job on the same run folder is gone on with.

            Examples:
              kaleido submit configs/base.yaml
              kaleido submit configs/base.yaml --watch --set training.epochs=5
              kaleido submit configs/base.yaml --coordinator http://head:7420
              kaleido submit configs/base.yaml --resume 17

            Prints the job's id. With --watch: shows the job until it ends; exit code 0 succeeded, 1 failed or cancelled, 75 stopped but
            resumable, 130 when Ctrl-C ended the watching (the job goes on).
            """);
        var spec = new JobSpecArguments(command);
        var watch = new Option<bool>("--watch") { Description = "Show the job until it ends." };
        var json = new Option<bool>("--json") { Description = "Print JSON: {\"job_id\", \"created\"}, then with --watch one object a line." };
        var address = CoordinatorAddress.CreateOption();
        var start = new StartArguments(command);
        command.Options.Add(watch);
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            var (job, yaml) = spec.ReadText(arguments);
            var resumeSeq = start.Apply(arguments, context, job);
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var request = new SubmitRequest
            {
                SpecYaml = yaml,
                SpecName = spec.FileName(arguments),
                IdempotencyKey = Guid.NewGuid().ToString("n"),
                BaseDirectory = Environment.CurrentDirectory,
                ResumeSeq = resumeSeq,
            };
            var reply = await coordinator.Ask(
                async c => await c.Jobs.SubmitAsync(request, deadline: CoordinatorConnection.Deadline(CoordinatorConnection.SubmitTime), cancellationToken: cancellation),
                cancellation);
            Report(context, reply, arguments.GetValue(json));
            return arguments.GetValue(watch)
                ? await WatchVerb.Watch(context, coordinator, reply.JobId, arguments.GetValue(json), cancellation)
                : ExitCode.Done;
        });
    }

    private static void Report(CommandContext context, SubmitReply reply, bool json)
    {
        context.Output.WriteLine(json
            ? new System.Text.Json.Nodes.JsonObject { ["job_id"] = reply.JobId, ["created"] = reply.Created }.ToJsonString()
            : reply.JobId);
        if (!reply.Created)
            context.Error.WriteLine($"Job {reply.JobId} was there already and goes on.");
    }
}
