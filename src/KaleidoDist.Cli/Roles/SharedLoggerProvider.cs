using Microsoft.Extensions.Logging;

namespace KaleidoDist.Cli;

/// <summary>Hands the process's loggers to a host that has a service collection of its own.</summary>
internal sealed class SharedLoggerProvider(ILoggerFactory factory) : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => factory.CreateLogger(categoryName);

    /// <summary>Nothing: the factory is its creator's.</summary>
    public void Dispose()
    {
    }
}
