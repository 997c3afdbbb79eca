using System.CommandLine;
using System.Text.Json.Nodes;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;
using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido workers</c>.</summary>
internal static class WorkersVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("workers", """
            Lists the workers that are, or were, connected to the coordinator, with the ranks they run.

            Examples:
              kaleido workers
              kaleido workers --json | jq '[.[].slots] | add'
            """);
        var json = new Option<bool>("--json") { Description = "Print a JSON array of workers." };
        var address = CoordinatorAddress.CreateOption();
        command.Options.Add(json);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var reply = await coordinator.Ask(
                async c => await c.Workers.ListWorkersAsync(new ListWorkersRequest(), deadline: CoordinatorConnection.Deadline(CoordinatorConnection.AnswerTime), cancellationToken: cancellation),
                cancellation);
            List<WorkerStatus> workers = [.. reply.Workers.OrderBy(w => w.WorkerId, StringComparer.Ordinal)];
            if (arguments.GetValue(json))
                await context.Output.WriteLineAsync(new JsonArray([.. workers.Select(StatusJson.Of)]).ToJsonString());
            else if (workers.Count == 0)
                await context.Output.WriteLineAsync($"No workers. Start one with 'kaleido worker --coordinator {coordinator.Address.OriginalString} --slots N'.");
            else
                context.Console.Write(List(workers, context.Time.GetUtcNow()));
            return ExitCode.Done;
        });
    }

    private static Table List(IEnumerable<WorkerStatus> workers, DateTimeOffset now)
    {
        var table = PlainTable.Create("worker", "host", "state", "slots in use", "heartbeat", "running");
        foreach (var worker in workers)
        {
            table.AddRow(
                new Text(Units.Printable(worker.WorkerId)),
                new Text(Units.Printable(worker.Host)),
                new Text(Units.Printable(worker.State)),
                new Text($"{worker.SlotsInUse}/{worker.Slots}"),
                new Text(PlainTable.Ago(worker.LastHeartbeatAt, now)),
                new Text(string.Join(", ", worker.Running.Select(r => $"{Units.Printable(r.JobId)} {(r.Rank < 0 ? "joining" : $"rank {r.Rank}")}"))));
        }

        return table;
    }
}
