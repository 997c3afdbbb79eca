using System.Globalization;
using KaleidoDist.Data;

namespace KaleidoDist.Cli;

/// <summary>
/// How far an import is, with rows a second and the time left: a line that is written over on a terminal, else one now and then.
/// </summary>
internal sealed class ImportProgressLine : IProgress<ImportProgress>, IDisposable
{
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly TextWriter writer;
    private readonly TimeProvider time;
    private readonly bool isTerminal;
    private long phaseStart;
    private long shown;
    private ImportProgress? first;

    /// <summary>Begins to measure.</summary>
    public ImportProgressLine(TextWriter writer, TimeProvider time, bool isTerminal)
    {
        (this.writer, this.time, this.isTerminal) = (writer, time, isTerminal);
        shown = phaseStart = time.GetTimestamp();
    }

    /// <summary>Progress on standard error, or on what stands in for it.</summary>
    public static ImportProgressLine On(TextWriter error)
        => new(error, TimeProvider.System, IsTerminal(error));

    /// <summary>Progress on standard error where that is a terminal; null elsewhere, for work that leaves no trace in a log.</summary>
    public static ImportProgressLine? OnTerminal(TextWriter error) => IsTerminal(error) ? On(error) : null;

    /// <summary>Notes progress, and shows it when the last time is long enough ago.</summary>
    public void Report(ImportProgress value)
    {
        var now = time.GetTimestamp();
        if (first?.Phase != value.Phase)
            (first, phaseStart) = (value, now);
        if (time.GetElapsedTime(shown, now) < (isTerminal ? TerminalInterval : LogInterval))
            return;
        shown = now;
        var line = Line(value, first!.Value, time.GetElapsedTime(phaseStart, now));
        if (isTerminal)
            writer.Write($"\r\e[2K{line}");
        else
            writer.WriteLine(line);
    }

    /// <summary>Removes the line from a terminal.</summary>
    public void Clear()
    {
        if (isTerminal)
            writer.Write("\r\e[2K");
    }

    /// <summary>Removes the line.</summary>
    public void Dispose() => Clear();

    /// <summary>The line; the speed counts only what was done since the phase began here, not what an earlier attempt did.</summary>
    internal static string Line(ImportProgress value, ImportProgress start, TimeSpan elapsed)
    {
        var speed = elapsed > TimeSpan.Zero ? (value.Done - start.Done) / elapsed.TotalSeconds : 0;
        var left = speed > 0 && value.Total > value.Done ? $", {TimeSpan.FromSeconds(Math.Ceiling((value.Total - value.Done) / speed)):g} left" : "";
        return value.Phase switch
        {
            ImportPhase.Reading => string.Create(CultureInfo.InvariantCulture, $"Reading rows: {value.Done:N0} of {value.Total:N0}, {speed:N0} rows/s{left}"),
            ImportPhase.Scanning => string.Create(CultureInfo.InvariantCulture, $"Reading rows: {value.Done:N0}"),
            ImportPhase.Unpacking => string.Create(CultureInfo.InvariantCulture, $"Unpacking: {value.Done >> 20:N0} of {value.Total >> 20:N0} MiB, {speed / (1 << 20):N1} MiB/s{left}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"Writing rows: {value.Done:N0} of {value.Total:N0}, {speed:N0} rows/s{left}"),
        };
    }

    private static bool IsTerminal(TextWriter error) => error == Console.Error && !Console.IsErrorRedirected;
}
