using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Proto = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Contracts;

/// <summary>
/// Writes a run's <c>metrics.jsonl</c>: one JSON object a line, for each optimizer step and each evaluation. One writer: rank 0 of the
/// present generation. Every line is handed to the operating system at once, so a killed process loses none; a line that a crash
/// tore is cut off when the journal is opened again.
/// </summary>
public sealed class RunJournal : IDisposable
{
    /// <summary>Name of the journal in a run folder.</summary>
    public const string FileName = "metrics.jsonl";

    private const long FirstWindow = 64 << 10;
    private const int WindowGrowth = 8;

    private readonly SafeFileHandle file;
    private readonly string path;
    private long length;

    private RunJournal(SafeFileHandle file, string path) => (this.file, this.path) = (file, path);

    /// <summary>The newest step in the journal; 0 for none.</summary>
    public long LastStep { get; private set; }

    /// <summary>Steps that were applied before the newest evaluation near the end of the journal; -1 when none is there. The newest step's own is always found.</summary>
    public long LastValidation { get; private set; } = -1;

    /// <summary>Opens the journal of a run folder, which is made when missing, and cuts off a torn last line.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static RunJournal Open(string runDirectory)
    {
        Directory.CreateDirectory(runDirectory);
        var path = Path.Combine(runDirectory, FileName);
        var journal = new RunJournal(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite), path);
        journal.TruncateAfter(long.MaxValue);
        return journal;
    }

    /// <summary>Appends one optimizer step.</summary>
    /// <exception cref="IOException">The line could not be written; the journal is as before and can be used on.</exception>
    public void Append(Proto.StepMetrics metrics) => Append(StepRecord.FromProto(metrics));

    /// <inheritdoc cref="Append(Proto.StepMetrics)"/>
    public void Append(StepRecord step) => Write(step);

    /// <summary>Appends one evaluation.</summary>
    /// <param name="step">Optimizer steps applied before it; 0 for the untrained model.</param>
    /// <param name="metrics">One value per task and metric: loss, accuracy, perplexity, count.</param>
    /// <exception cref="IOException">The line could not be written; the journal is as before and can be used on.</exception>
    public void AppendValidation(long step, IEnumerable<Proto.TaskMetric> metrics) => Write(ValidationRecord.FromProto(step, metrics));

    /// <summary>
    /// Drops everything after a step: a run that resumes from its checkpoint does these steps again. Reads the end of the journal only, however long
    /// it is: every generation of a run begins with it.
    /// </summary>
    /// <param name="step">The last step to keep; evaluations after that many steps are kept.</param>
    public void TruncateAfter(long step)
    {
        var size = RandomAccess.GetLength(file);
        for (var window = FirstWindow; ; window *= WindowGrowth)
        {
            (LastStep, LastValidation) = (0, -1);
            var end = FindEnd(Math.Max(0, size - window), step);
            // Steps ascend: behind one that is kept, everything there is to know was seen.
            if (LastStep == 0 && window < size)
                continue;
            CutAt(end);
            return;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private static long? StepOf(object? record) => record switch
    {
        StepRecord step => step.Step,
        ValidationRecord validation => validation.Step,
        _ => null,
    };

    private void Note(object? record)
    {
        if (record is StepRecord step)
            LastStep = step.Step;
        else if (record is ValidationRecord validation)
            LastValidation = validation.Step;
    }

    private void Write<T>(T record)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(record, JournalFormat.Json), (byte)'\n'];
        try
        {
            RandomAccess.Write(file, line, length);
            length += line.Length;
            Note(record);
        }
        catch (IOException)
        {
            // A full disk may have taken part of the line.
            CutAt(length);
            throw;
        }
    }

    /// <summary>Where the complete lines end, from an offset on, that come before the first that is later than a step; notes those before it.</summary>
    private long FindEnd(long from, long step)
    {
        using var reader = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        reader.Position = from;
        foreach (var line in JournalLine.ReadAll(reader))
        {
            // The offset may lie within a line.
            if (from > 0 && line.Offset == from && line.IsComplete)
                continue;
            var record = line.IsComplete ? line.Parse() : null;
            if (!line.IsComplete || StepOf(record) > step)
                return line.Offset;
            Note(record);
        }

        return reader.Length;
    }

    private void CutAt(long end)
    {
        if (RandomAccess.GetLength(file) > end)
            RandomAccess.SetLength(file, end);
        length = end;
    }
}
