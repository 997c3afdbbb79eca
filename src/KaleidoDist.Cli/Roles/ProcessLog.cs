using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace KaleidoDist.Cli;

/// <summary>Serilog, set up once per process: people's lines on standard error, or a file where a display owns the terminal.</summary>
internal static class ProcessLog
{
    private const string Line = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}";
    private const long MaxFileBytes = 64 << 20;

    /// <summary>Logs to standard error, for the roles of a cluster.</summary>
    internal static ILoggerFactory ToConsole(bool verbose)
        => Create(verbose, c => c.WriteTo.Console(outputTemplate: Line, standardErrorFromLevel: LogEventLevel.Verbose, formatProvider: System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Logs to a file; nothing is lost that the display does not show. A folder that cannot be written to costs the log only.</summary>
    internal static ILoggerFactory ToFile(string path, bool verbose)
        => Create(verbose, c => c.WriteTo.File(path, outputTemplate: Line, fileSizeLimitBytes: MaxFileBytes, rollOnFileSizeLimit: true, retainedFileCountLimit: 3, formatProvider: System.Globalization.CultureInfo.InvariantCulture));

    private static SerilogLoggerFactory Create(bool verbose, Func<LoggerConfiguration, LoggerConfiguration> sink)
    {
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Is(verbose ? LogEventLevel.Debug : LogEventLevel.Information)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("System", LogEventLevel.Warning)
            .MinimumLevel.Override("Orleans", verbose ? LogEventLevel.Information : LogEventLevel.Error)
            .MinimumLevel.Override("Polly", LogEventLevel.Warning)
            .MinimumLevel.Override("Grpc", LogEventLevel.Error);
        return new SerilogLoggerFactory(sink(configuration).CreateLogger(), dispose: true);
    }
}
