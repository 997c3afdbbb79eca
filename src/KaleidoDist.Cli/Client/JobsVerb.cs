using System.CommandLine;
using System.Text.Json.Nodes;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido jobs</c>.</summary>
internal static class JobsVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("jobs", """
            Lists the coordinator's jobs, newest first.

            Examples:
              kaleido jobs
              kaleido jobs --unfinished
              kaleido jobs --json | jq -r '.[] | select(.state == "failed") | .job_id'
            """);
        var unfinished = new Option<bool>("--unfinished") { Description = "Only jobs that have not succeeded, failed or been cancelled." };
        var json = new Option<bool>("--json") { Description = "Print a JSON array of jobs." };
        var address = CoordinatorAddress.CreateOption();
        command.Options.Add(unfinished);
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var reply = await coordinator.Ask(
                async c => await c.Jobs.ListJobsAsync(new ListJobsRequest { UnfinishedOnly = arguments.GetValue(unfinished) }, deadline: CoordinatorConnection.Deadline(CoordinatorConnection.AnswerTime), cancellationToken: cancellation),
                cancellation);
            List<JobStatus> jobs = [.. reply.Jobs.OrderByDescending(j => j.SubmittedAt?.ToDateTimeOffset() ?? default).ThenBy(j => j.JobId, StringComparer.Ordinal)];
            if (arguments.GetValue(json))
                await context.Output.WriteLineAsync(new JsonArray([.. jobs.Select(StatusJson.Of)]).ToJsonString());
            else if (jobs.Count == 0)
                await context.Output.WriteLineAsync("No jobs. Submit one with 'kaleido submit JOB.yaml'.");
            else
                context.Console.Write(List(jobs, context.Time.GetUtcNow()));
            return ExitCode.Done;
        });
    }

    private static Table List(IEnumerable<JobStatus> jobs, DateTimeOffset now)
    {
        var table = PlainTable.Create("job", "name", "state", "step", "ranks", "samples/s", "submitted");
        foreach (var job in jobs)
        {
            table.AddRow(
                new Text(job.JobId),
                new Text(Units.Printable(job.Name)),
                new Text(JobStates.Word(job.State)),
                new Text(ProgressLines.Position(job.Step, job.TotalSteps)),
                new Text(job.WorldSize > 0 ? Units.Count(job.WorldSize) : Units.Unknown),
                new Text(job.SamplesPerSecond > 0 ? Units.OneDecimal(job.SamplesPerSecond) : Units.Unknown),
                new Text(PlainTable.Ago(job.SubmittedAt, now)));
        }

        return table;
    }
}
