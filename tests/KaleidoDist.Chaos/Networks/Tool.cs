using System.Diagnostics;

namespace KaleidoDist.Chaos;

/// <summary>Runs a program of the system to its end.</summary>
internal static class Tool
{
    /// <summary>Runs it; returns its standard output.</summary>
    /// <exception cref="InvalidOperationException">It is missing or did not exit with 0.</exception>
    internal static string Run(string program, params IEnumerable<string> arguments)
    {
        var (exitCode, output, error) = Try(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException($"'{program} {string.Join(' ', arguments)}' ended with {exitCode}: {error.Trim()}");
    }

    /// <summary>Whether it can be run here and exits with 0.</summary>
    internal static bool Works(string program, params IEnumerable<string> arguments) => Try(program, arguments).ExitCode == 0;

    private static (int ExitCode, string Output, string Error) Try(string program, IEnumerable<string> arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, error.GetAwaiter().GetResult());
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            return (-1, "", missing.Message);
        }
    }
}
