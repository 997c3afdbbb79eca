using System.Diagnostics;
using System.Globalization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>A peer's process, which lives through all turns: a command a line, answered with the seconds it took there.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly string name;
    private readonly Process process;

    private PeerProcess(string name, ProcessStartInfo start)
    {
        this.name = name;
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        process = Process.Start(start)!;
    }

    /// <summary>Starts a program.</summary>
    internal static PeerProcess Start(string name, ProcessStartInfo start) => new(name, start);

    /// <summary>Starts a Python script that is part of this assembly.</summary>
    internal static PeerProcess StartScript(string name, string python, string script, params IEnumerable<(string Name, string Value)> environment)
    {
        using var stream = typeof(PeerProcess).Assembly.GetManifestResourceStream(script)!;
        var start = new ProcessStartInfo(python, ["-c", new StreamReader(stream).ReadToEnd()]);
        foreach (var (key, value) in environment)
            start.Environment[key] = value;
        return new PeerProcess(name, start);
    }

    /// <summary>Sends a command; the seconds it took there.</summary>
    internal async Task<double> AskAsync(string command, CancellationToken cancellation)
    {
        await process.StandardInput.WriteLineAsync(command.AsMemory(), cancellation);
        await process.StandardInput.FlushAsync(cancellation);
        while (true)
        {
            var line = await process.StandardOutput.ReadLineAsync(cancellation) ?? throw new KaleidoException($"The {name} process ended; its error is above.");
            if (double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds))
                return seconds;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeSpan.FromSeconds(5)))
            process.Kill(entireProcessTree: true);
        process.Dispose();
    }
}
