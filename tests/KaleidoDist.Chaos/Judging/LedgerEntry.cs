using System.Globalization;

namespace KaleidoDist.Chaos;

/// <summary>A line of a ledger: what <c>SampleLedger</c> says of its format.</summary>
/// <param name="Process">Who wrote it: process id and start.</param>
/// <param name="Clock">When, in ticks of the machine's monotonic clock.</param>
/// <param name="Generation">Generation that reduced, or was to reduce, the step.</param>
/// <param name="Step">Optimizer step, from 1.</param>
internal abstract record LedgerEntry(string Process, long Clock, long Generation, long Step);

/// <summary>A leaf whose gradient was computed.</summary>
internal sealed record ComputedLeaf(string Process, long Clock, long Generation, long Step, int VirtualRank, IReadOnlyList<long> Samples)
    : LedgerEntry(Process, Clock, Generation, Step);

/// <summary>A step that changed a process's weights.</summary>
internal sealed record AppliedStep(string Process, long Clock, long Generation, long Step, ulong NormBits)
    : LedgerEntry(Process, Clock, Generation, Step);

/// <summary>All ledgers of a run.</summary>
/// <param name="Entries">Lines, by process and as they were written.</param>
/// <param name="TornLineCount">Lines that are none: a killed process may leave one.</param>
internal sealed record RunLedger(IReadOnlyList<LedgerEntry> Entries, int TornLineCount)
{
    /// <summary>Reads every ledger of a folder; an absent folder has none. May be called while the run goes on.</summary>
    internal static RunLedger Read(string folder)
    {
        if (!Directory.Exists(folder))
            return new RunLedger([], 0);
        var entries = new List<LedgerEntry>();
        var torn = 0;
        foreach (var path in Directory.EnumerateFiles(folder, "*.ledger").Order(StringComparer.Ordinal))
        {
            var process = Path.GetFileNameWithoutExtension(path);
            foreach (var line in Lines(path))
            {
                if (Parse(line, process) is { } entry)
                    entries.Add(entry);
                else
                    torn++;
            }
        }

        return new RunLedger(entries, torn);
    }

    /// <summary>Reads one line; null when it is torn.</summary>
    internal static LedgerEntry? Parse(string line, string process)
    {
        var fields = line.Split(' ');
        if (fields.Length < 5 || !Number(fields[1], out var clock) || !Number(fields[2], out var generation) || !Number(fields[3], out var step))
            return null;
        return fields[0] switch
        {
            "C" when fields.Length == 6 && int.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out var virtualRank)
                => new ComputedLeaf(process, clock, generation, step, virtualRank, Samples(fields[5])),
            "A" when fields[4].Length == 16 && ulong.TryParse(fields[4], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var norm)
                => new AppliedStep(process, clock, generation, step, norm),
            _ => null,
        };
    }

    private static long[] Samples(string list)
        => list.Length == 0 ? [] : [.. list.Split(',').Select(sample => long.Parse(sample, CultureInfo.InvariantCulture))];

    private static bool Number(string text, out long value) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    /// <summary>Complete lines; what follows the last line feed was torn, and is a line of a length that cannot be parsed.</summary>
    private static IEnumerable<string> Lines(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length - 1; i++)
            yield return lines[i];
        if (lines[^1].Length > 0)
            yield return "torn";
    }
}
