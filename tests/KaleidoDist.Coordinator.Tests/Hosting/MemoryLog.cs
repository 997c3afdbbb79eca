using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>What a coordinator logs, line by line.</summary>
internal sealed class MemoryLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> lines = new();

    /// <summary>Lines at Information and above, oldest first.</summary>
    public IReadOnlyList<string> Lines => [.. lines];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            lines.Enqueue($"{logLevel}: {formatter(state, exception).Split('\n')[0]}");
    }

    public void Dispose()
    {
    }
}
