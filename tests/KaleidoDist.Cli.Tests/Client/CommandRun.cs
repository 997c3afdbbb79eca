using System.CommandLine;

namespace KaleidoDist.Cli.Tests;

/// <summary>What a command line did.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs a command line against the client's verbs and <c>plan</c>.</summary>
    internal static async Task<CommandRun> Of(string[] arguments, Dictionary<string, string>? environment = null, TimeProvider? time = null, CancellationToken cancellation = default)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var context = new CommandContext(TestConsole.Create(output), error, time ?? new ManualTime(), name => environment?.GetValueOrDefault(name));
        var root = new RootCommand();
        foreach (var verb in ClientVerbs.Create(context).Append(PlanVerb.Create(context)))
            root.Subcommands.Add(verb);
        var exitCode = await root.Parse(arguments).InvokeAsync(
            new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null },
            cancellation);
        return new CommandRun(exitCode, TestConsole.Trimmed(output.ToString()), TestConsole.Trimmed(error.ToString()));
    }
}
