using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido stop JOB</c> and <c>kaleido cancel JOB</c>: both checkpoint first; only the second is for good.</summary>
internal static class StopVerbs
{
    /// <summary>Builds <c>stop</c>.</summary>
    internal static Command CreateStop(CommandContext context) => Create(
        context,
        StopMode.Checkpoint,
        new Command("stop", """
            Stops a job at the next step border with a checkpoint and releases its workers. The job can go on later: submit it again.

            Examples:
              kaleido stop quickstart-7f3a
              kaleido stop quickstart && kaleido submit configs/quickstart.yaml --set workers.max=4
            """));

    /// <summary>Builds <c>cancel</c>.</summary>
    internal static Command CreateCancel(CommandContext context) => Create(
        context,
        StopMode.Cancel,
        new Command("cancel", """
            Ends a job for good, with a last checkpoint. To stop it for now, use 'kaleido stop'.

            Examples:
              kaleido cancel quickstart-7f3a
            """));

    private static Command Create(CommandContext context, StopMode mode, Command command)
    {
        var job = JobArgument.Create();
        var json = new Option<bool>("--json") { Description = "Print the job's status as JSON." };
        var address = CoordinatorAddress.CreateOption();
        command.Arguments.Add(job);
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var found = await JobReference.Find(coordinator, arguments.GetRequiredValue(job), cancellation);
            var status = await coordinator.Ask(
                async c => await c.Jobs.StopJobAsync(new StopJobRequest { JobId = found.JobId, Mode = mode }, deadline: CoordinatorConnection.Deadline(CoordinatorConnection.AnswerTime), cancellationToken: cancellation),
                cancellation);
            await context.Output.WriteLineAsync(arguments.GetValue(json) ? StatusJson.Of(status).ToJsonString() : $"{status.JobId} {ProgressLines.State(status)}");
            return ExitCode.Done;
        });
    }
}
