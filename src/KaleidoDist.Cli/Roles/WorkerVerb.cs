using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Worker;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido worker</c>: a node's agent.</summary>
internal static class WorkerVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("worker", """
            Offers this machine to a coordinator and runs its ranks, each as a process of its own.

            Goes on training while the coordinator is away. Ctrl-C or SIGTERM: ranks finish their step and checkpoint (--grace), then
            the worker ends. No rank outlives its worker.

            Examples:
              kaleido worker --slots 2
              kaleido worker --coordinator http://head:7420 --slots 8 --data-address 10.0.0.5
            """);
        var coordinators = new Option<string[]>("--coordinator") { HelpName = "URL", Description = $"The coordinator's address; give several to have them tried in turn. Default: environment variable {CoordinatorAddress.VariableName}, else {CoordinatorAddress.Default}." };
        var slots = new Option<int>("--slots") { Description = "Rank processes to run at most.", DefaultValueFactory = _ => 1 };
        var id = new Option<string?>("--id") { Description = "Stable name of this worker. Default: host name and process id." };
        var dataAddress = new Option<string>("--data-address") { Description = "Address at which ranks of other machines reach this one's.", DefaultValueFactory = _ => "127.0.0.1" };
        var grace = new Option<double>("--grace") { HelpName = "seconds", Description = "Time for a last checkpoint when told to end.", DefaultValueFactory = _ => 30 };
        var verbose = new Option<bool>("--verbose") { Description = "Log more." };
        foreach (var option in new Option[] { coordinators, slots, id, dataAddress, grace, verbose })
            command.Options.Add(option);
        return command.Does(context, async (arguments, _) =>
        {
            using var logs = ProcessLog.ToConsole(arguments.GetValue(verbose));
            var options = new WorkerOptions
            {
                Coordinators = [.. (arguments.GetValue(coordinators) is { Length: > 0 } given ? given : [null!]).Select(a => CoordinatorAddress.Resolve(a, context.Variable))],
                Slots = arguments.GetValue(slots),
                DataAddress = arguments.GetValue(dataAddress)!,
                RankProgram = RankProgram.ThisExecutable(),
                StopGrace = TimeSpan.FromSeconds(arguments.GetValue(grace)),
            };
            if (arguments.GetValue(id) is { Length: > 0 } name)
                options = options with { WorkerId = name };
            using var signals = new StopSignals();
            await using var agent = new WorkerAgent(options, context.Time, logs.CreateLogger<WorkerAgent>());
            await agent.RunAsync(signals.First);
            return ExitCode.Done;
        });
    }
}
