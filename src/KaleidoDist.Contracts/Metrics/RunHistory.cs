using System.Text.Json;

namespace KaleidoDist.Contracts;

/// <summary>What a run's journal tells: every step once, ascending, and the evaluations.</summary>
/// <param name="Steps">Steps, ascending; of a step that was redone only the newest generation's.</param>
/// <param name="Validations">Evaluations, ascending by step.</param>
/// <param name="SkippedLineCount">Lines that are not records: a torn last line after a crash, for example.</param>
public sealed record RunHistory(IReadOnlyList<StepRecord> Steps, IReadOnlyList<ValidationRecord> Validations, int SkippedLineCount)
{
    /// <summary>A run that has not made a step.</summary>
    public static RunHistory Empty { get; } = new([], [], 0);

    /// <summary>Reads the journal of a run folder; an absent one is empty. May be called while the run goes on.</summary>
    public static RunHistory Read(string runDirectory)
    {
        var path = Path.Combine(runDirectory, RunJournal.FileName);
        if (!File.Exists(path))
            return Empty;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Read(stream);
    }

    /// <summary>Reads a journal.</summary>
    public static RunHistory Read(Stream journal)
    {
        var steps = new SortedDictionary<long, StepRecord>();
        var validations = new SortedDictionary<long, ValidationRecord>();
        var skipped = 0;
        foreach (var line in JournalLine.ReadAll(journal))
        {
            switch (line.Parse())
            {
                case StepRecord step when !steps.TryGetValue(step.Step, out var other) || other.Generation <= step.Generation:
                    steps[step.Step] = step;
                    break;
                case ValidationRecord validation:
                    validations[validation.Step] = validation;
                    break;
                case null:
                    skipped++;
                    break;
            }
        }

        return new RunHistory([.. steps.Values], [.. validations.Values], skipped);
    }
}

/// <summary>One line of a journal and where it starts.</summary>
/// <param name="Offset">Bytes before it.</param>
/// <param name="Text">UTF-8 without the line feed; valid until the next line is read.</param>
/// <param name="IsComplete">Whether it ends with a line feed: the last line of a crashed writer may not.</param>
internal readonly record struct JournalLine(long Offset, ReadOnlyMemory<byte> Text, bool IsComplete)
{
    private const byte LineFeed = (byte)'\n';
    private const int ReadBytes = 64 << 10;

    /// <summary>A <see cref="StepRecord"/>, a <see cref="ValidationRecord"/>, or null when the line is neither.</summary>
    internal object? Parse()
    {
        try
        {
            using var document = JsonDocument.Parse(Text);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("step", out _))
                return null;
            return document.RootElement.TryGetProperty("validation", out _)
                ? document.Deserialize<ValidationRecord>(JournalFormat.Json)
                : document.Deserialize<StepRecord>(JournalFormat.Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>All lines, in order, in memory for one line.</summary>
    internal static IEnumerable<JournalLine> ReadAll(Stream stream)
    {
        var buffer = new byte[ReadBytes];
        int start = 0, end = 0;
        var offset = stream.Position;
        while (true)
        {
            var length = Array.IndexOf(buffer, LineFeed, start, end - start) - start;
            if (length >= 0)
            {
                yield return new JournalLine(offset, buffer.AsMemory(start, length), true);
                start += length + 1;
                offset += length + 1;
                continue;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
                Array.Resize(ref buffer, buffer.Length * 2);
            var read = stream.Read(buffer, end, buffer.Length - end);
            if (read == 0)
                break;
            end += read;
        }

        if (end > 0)
            yield return new JournalLine(offset, buffer.AsMemory(0, end), false);
    }
}
