using KaleidoDist.Contracts;

namespace KaleidoDist.Worker;

/// <summary>How a worker agent is set up.</summary>
public sealed record WorkerOptions
{
    /// <summary>Coordinator addresses, tried in turn.</summary>
    public required IReadOnlyList<Uri> Coordinators { get; init; }

    /// <summary>Stable name of this worker; default host name and process id.</summary>
    public string WorkerId { get; init; } = $"{Environment.MachineName.ToLowerInvariant()}-{Environment.ProcessId}";

    /// <summary>Rank processes this worker runs at most.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Address that ranks bind their data plane to and that peers reach them at. Default loopback.</summary>
    public string DataAddress { get; init; } = "127.0.0.1";

    /// <summary>The program that runs a rank: this executable, with the arguments that make it a rank.</summary>
    public required RankProgram RankProgram { get; init; }

    /// <summary>Shortest and longest wait between two attempts to reach a coordinator.</summary>
    public (TimeSpan Shortest, TimeSpan Longest) Reconnect { get; init; } = (TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));

    /// <summary>Time ranks get to finish a step and checkpoint when the agent is told to end. Default 30 s.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest time from a rank's last report to its end; then it is killed, so that its job need not wait for it. Default 10 s.</summary>
    public TimeSpan ExitGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks the options.</summary>
    /// <exception cref="KaleidoException">A value is out of range (exit code 2).</exception>
    public void Validate()
    {
        if (Coordinators.Count == 0)
            throw KaleidoException.Usage("No coordinator address was given; expected at least one, as in --coordinator http://127.0.0.1:7420.");
        if (Slots is < 1 or > 1024)
            throw KaleidoException.Usage($"--slots is {Slots}; expected 1 to 1024 (one rank process each).");
    }
}

/// <summary>A program and its arguments.</summary>
/// <param name="Path">Executable.</param>
/// <param name="Arguments">Arguments.</param>
public sealed record RankProgram(string Path, IReadOnlyList<string> Arguments)
{
    /// <summary>This process's own executable, as a rank.</summary>
    public static RankProgram ThisExecutable()
    {
        var path = Environment.ProcessPath ?? throw new KaleidoException("The path of the running program is unknown; expected an executable file.");
        var viaHost = string.Equals(System.IO.Path.GetFileNameWithoutExtension(path), "dotnet", StringComparison.Ordinal);
        return new RankProgram(path, viaHost ? [Environment.GetCommandLineArgs()[0], "rank"] : ["rank"]);
    }
}
