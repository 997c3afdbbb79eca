using Spectre.Console;

namespace KaleidoDist.Cli;

/// <summary>What surrounds a verb: where it writes, the clock, and the environment.</summary>
/// <param name="Console">Standard output.</param>
/// <param name="Error">Standard error: errors and notes, one line each.</param>
/// <param name="Time">The clock.</param>
/// <param name="Variable">Reads an environment variable; null when it is not set.</param>
internal sealed record CommandContext(IAnsiConsole Console, TextWriter Error, TimeProvider Time, Func<string, string?> Variable)
{
    private const int RedirectedWidth = 160;

    /// <summary>Standard output as it is: no markup, no wrapping. What programs read is written here.</summary>
    internal TextWriter Output => Console.Profile.Out.Writer;

    /// <summary>The surroundings of this process.</summary>
    internal static CommandContext OfProcess()
    {
        // A file or a pipe has no width of its own; the default of 80 would break tables into ribbons.
        if (System.Console.IsOutputRedirected)
            AnsiConsole.Console.Profile.Width = RedirectedWidth;
        return new CommandContext(AnsiConsole.Console, System.Console.Error, TimeProvider.System, Environment.GetEnvironmentVariable);
    }
}
