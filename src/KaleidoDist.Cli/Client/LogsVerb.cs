using System.CommandLine;
using System.Globalization;
using Grpc.Core;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido logs JOB</c>.</summary>
internal static class LogsVerb
{
    /// <summary>Lines shown when <c>--tail</c> is not given.</summary>
    internal const int DefaultTail = 1000;

    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("logs", """
            Prints what a job's ranks logged, oldest line first.

            Examples:
              kaleido logs quickstart-7f3a
              kaleido logs quickstart --rank 0 --tail 50
              kaleido logs quickstart -f
              kaleido logs quickstart --json | jq -r 'select(.rank == 1) | .text'
            """);
        var job = JobArgument.Create();
        var rank = new Option<int?>("--rank") { HelpName = "R", Description = "Only this rank's lines." };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with new lines as they come, until the job ends or Ctrl-C." };
        var tail = new Option<int>("--tail") { HelpName = "N", Description = $"Begin with the newest N lines. Default: {DefaultTail}.", DefaultValueFactory = _ => DefaultTail };
        var json = new Option<bool>("--json") { Description = "Print one JSON object a line." };
        var address = CoordinatorAddress.CreateOption();
        rank.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int?>() is < 0)
                r.AddError("--rank is below 0; expected a rank's number.");
        });
        tail.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int>() < 0)
                r.AddError("--tail is below 0; expected a number of lines.");
        });
        command.Arguments.Add(job);
        command.Options.Add(rank);
        command.Options.Add(follow);
        command.Options.Add(tail);
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var found = await JobReference.Find(coordinator, arguments.GetRequiredValue(job), cancellation);
            var request = new ReadLogsRequest { JobId = found.JobId, Follow = arguments.GetValue(follow), Tail = arguments.GetValue(tail) };
            if (arguments.GetValue(rank) is { } only)
                request.Rank = only;
            Func<LogLine, string> format = arguments.GetValue(json) ? line => StatusJson.Of(line).ToJsonString() : line => Line(line, context.Time.LocalTimeZone);
            return await coordinator.Ask(c => Print(context, c, request, format, cancellation), cancellation);
        });
    }

    /// <summary><c>12:03:11 rank 0 | text</c>.</summary>
    internal static string Line(LogLine line, TimeZoneInfo zone)
    {
        var at = line.At is { } time ? TimeZoneInfo.ConvertTime(time.ToDateTimeOffset(), zone).ToString("HH:mm:ss ", CultureInfo.InvariantCulture) : "";
        return $"{at}rank {line.Rank} | {Units.Printable(line.Text)}";
    }

    private static async Task<ExitCode> Print(CommandContext context, CoordinatorConnection coordinator, ReadLogsRequest request, Func<LogLine, string> format, CancellationToken cancellation)
    {
        using var call = coordinator.Jobs.ReadLogs(request, cancellationToken: cancellation);
        await foreach (var line in call.ResponseStream.ReadAllAsync(cancellation))
            await context.Output.WriteLineAsync(format(line));
        return ExitCode.Done;
    }
}
