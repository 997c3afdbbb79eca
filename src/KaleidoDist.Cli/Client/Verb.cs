using System.CommandLine;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>What every verb shares: an error is one line on standard error and an exit code, never a stack trace.</summary>
internal static class Verb
{
    /// <summary>Exit code of a verb that Ctrl-C ended before it knew its outcome, as shells report SIGINT.</summary>
    internal const int Interrupted = 130;

    /// <summary>Makes <paramref name="action"/> what the command does.</summary>
    internal static Command Does(this Command command, CommandContext context, Func<ParseResult, CancellationToken, Task<ExitCode>> action)
    {
        command.SetAction(async (arguments, cancellation) =>
        {
            try
            {
                return (int)await action(arguments, cancellation);
            }
            catch (KaleidoException error)
            {
                await context.Error.WriteLineAsync(error.Message);
                return (int)error.ExitCode;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return Interrupted;
            }
        });
        return command;
    }
}
