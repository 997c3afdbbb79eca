using System.CommandLine;
using System.CommandLine.Parsing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>Runs the command line: usage errors exit with 2; an error nobody expected is one line too, with its trace on request.</summary>
internal static class CommandLine
{
    private const string TraceVariable = "KALEIDO_TRACE";

    /// <summary>Parses and runs; returns the exit code.</summary>
    internal static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        if (parsed.Errors.Count > 0)
        {
            // A command that is not one is reported as missing too; what was typed says more.
            var unmatched = parsed.UnmatchedTokens.Count > 0 && parsed.CommandResult.Command == root;
            foreach (var message in unmatched ? [$"'{parsed.UnmatchedTokens[0]}' is not a command of kaleido."] : parsed.Errors.Select(e => e.Message))
                await Console.Error.WriteLineAsync(message);
            await Console.Error.WriteLineAsync($"Run 'kaleido{PathOf(parsed.CommandResult)} --help' for usage.");
            return (int)ExitCode.Usage;
        }

        try
        {
            // Verbs end by themselves on Ctrl-C (train checkpoints first): no time limit is imposed on them.
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception error)
        {
            var (code, message) = error is KaleidoException known ? (known.ExitCode, known.Message) : (ExitCode.Failed, $"{error.GetType().Name}: {error.Message}".ReplaceLineEndings(" "));
            await Console.Error.WriteLineAsync(message);
            if (Environment.GetEnvironmentVariable(TraceVariable) is { Length: > 0 })
                await Console.Error.WriteLineAsync(error.ToString());
            return (int)code;
        }
    }

    /// <summary>A command's name after those of the commands it is below, each with a space before it; empty for the root.</summary>
    private static string PathOf(CommandResult result)
        => result.Command is RootCommand ? "" : $"{(result.Parent is CommandResult parent ? PathOf(parent) : "")} {result.Command.Name}";
}
