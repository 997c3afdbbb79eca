using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido drain WORKER</c>.</summary>
internal static class DrainVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("drain", """
            Takes a worker out of service: its ranks leave at the next step border, it gets no new ones, and when it runs nothing it ends by
            itself. Jobs go on with their other ranks; a job that would have too few saves a checkpoint and waits for slots. A drain holds
            until the worker's process ends, also when the coordinator is started again meanwhile; the worker started anew serves again.

            Examples:
              kaleido drain node7
              kaleido drain node7 && kaleido workers
            """);
        var worker = new Argument<string>("WORKER") { Description = "Id of a worker, as 'kaleido workers' lists it." };
        var address = CoordinatorAddress.CreateOption();
        command.Arguments.Add(worker);
        command.Options.Add(address);
        return command.Does(context, async (arguments, cancellation) =>
        {
            using var coordinator = new CoordinatorConnection(CoordinatorAddress.Resolve(arguments.GetValue(address), context.Variable));
            var id = arguments.GetRequiredValue(worker);
            var reply = await coordinator.Ask(
                async c => await c.Workers.DrainWorkerAsync(new DrainWorkerRequest { WorkerId = id }, deadline: CoordinatorConnection.Deadline(CoordinatorConnection.AnswerTime), cancellationToken: cancellation),
                cancellation);
            var ranks = reply.Ranks switch
            {
                0 => "it runs no ranks",
                1 => "1 rank leaves at the next step border",
                var count => $"{count} ranks leave at the next step border",
            };
            await context.Output.WriteLineAsync($"worker {id} is draining: {ranks}");
            return ExitCode.Done;
        });
    }
}
