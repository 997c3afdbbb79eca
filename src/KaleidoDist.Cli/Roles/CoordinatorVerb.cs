using System.CommandLine;
using KaleidoDist.Contracts;
using KaleidoDist.Coordinator;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Cli;

/// <summary><c>kaleido coordinator</c>: the durable memory and the decisions of a cluster.</summary>
internal static class CoordinatorVerb
{
    /// <summary>Builds the command.</summary>
    internal static Command Create(CommandContext context)
    {
        var command = new Command("coordinator", """
            Runs a coordinator: accepts jobs, gives them to workers, commits their checkpoints.

            Its state is one folder (SQLite); started again on it, it finds its jobs, and ranks that trained on meanwhile are kept.
            Loopback needs no set-up; any other address is refused without --insecure, since this version has neither TLS nor
            credentials: use --insecure only on a network where everybody may run code on your workers.

            Examples:
              kaleido coordinator
              kaleido coordinator --state /var/lib/kaleido --listen http://127.0.0.1:7420
              kaleido coordinator --listen http://0.0.0.0:7420 --insecure
            """);
        var listen = new Option<string>("--listen") { HelpName = "URL", Description = "Address and port; port 0 picks a free one.", DefaultValueFactory = _ => CoordinatorAddress.Default };
        var state = new Option<string>("--state") { HelpName = "folder", Description = "Folder of the coordinator's state.", DefaultValueFactory = _ => DefaultStateFolder(context) };
        var insecure = new Option<bool>("--insecure") { Description = "Listen on an address that others reach, without TLS or credentials." };
        var verbose = new Option<bool>("--verbose") { Description = "Log more." };
        foreach (var option in new Option[] { listen, state, insecure, verbose })
            command.Options.Add(option);
        return command.Does(context, async (arguments, _) =>
        {
            using var logs = ProcessLog.ToConsole(arguments.GetValue(verbose));
            using var signals = new StopSignals();
            await using var host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions
            {
                Listen = CoordinatorAddress.Resolve(arguments.GetValue(listen), context.Variable),
                StateDirectory = Path.GetFullPath(arguments.GetValue(state)!),
                Insecure = arguments.GetValue(insecure),
                TimeProvider = context.Time,
                ConfigureLogging = logging => logging.AddProvider(new SharedLoggerProvider(logs)),
            });
            await context.Output.WriteLineAsync($"Coordinator listens on {host.Address}, state in {arguments.GetValue(state)}.");
            await context.Output.FlushAsync();
            await Task.Delay(Timeout.Infinite, signals.First).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return ExitCode.Done;
        });
    }

    private static string DefaultStateFolder(CommandContext context)
    {
        var home = context.Variable("XDG_STATE_HOME") is { Length: > 0 } folder ? folder : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(home, "kaleido");
    }
}
