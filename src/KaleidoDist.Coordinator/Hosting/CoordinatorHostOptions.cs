using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Coordinator;

/// <summary>Where a coordinator listens, where it keeps its state, and how it behaves.</summary>
public sealed record CoordinatorHostOptions
{
    /// <summary>Address to listen on, as in <c>http://127.0.0.1:5210</c>; port 0 picks a free one. Default: a free port on loopback.</summary>
    public Uri Listen { get; init; } = new("http://127.0.0.1:0");

    /// <summary>Folder of the coordinator's own state; created when missing, used by one coordinator at a time.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>Allows an address that other machines reach, without TLS or credentials. Default false.</summary>
    public bool Insecure { get; init; }

    /// <summary>Clock of all leases and deadlines.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>How workers and jobs are treated.</summary>
    public CoordinatorOptions Coordinator { get; init; } = new();

    /// <summary>Adds the program's log sinks; none unless given.</summary>
    public Action<ILoggingBuilder>? ConfigureLogging { get; init; }

    /// <summary>Replaces services, in tests.</summary>
    internal Action<IServiceCollection>? ConfigureServices { get; init; }
}
