using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The lines of tab-separated files, in any order: 24 bytes a line in memory. A line is read when it is asked for, so that rows of a
/// megabyte can be shuffled.
/// </summary>
internal sealed class StaticLines : IDisposable
{
    /// <summary>Longest line in bytes: 120,000 numbers of 64 characters.</summary>
    public const int MaxRowBytes = 8 << 20;

    private const byte ColumnSeparator = (byte)'\t';
    private const int TooLong = -1;

    private readonly List<Place> places = [];
    private readonly FileStream[] files;

    private StaticLines(IReadOnlyList<string> paths)
        => files = [.. paths.Select(p => new FileStream(p, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.RandomAccess))];

    private readonly record struct Place(long Offset, int Bytes, int File, long Number);

    /// <summary>Lines that are not blank.</summary>
    public int Count => places.Count;

    /// <summary>Columns of the first line.</summary>
    public int FirstColumnCount { get; private set; }

    /// <summary>Finds the lines of files.</summary>
    public static StaticLines Of(IReadOnlyList<string> paths, IProgress<ImportProgress>? progress, CancellationToken cancel)
    {
        const int reportedLines = 1000;
        var lines = new StaticLines(paths);
        try
        {
            for (var file = 0; file < paths.Count; file++)
            {
                foreach (var line in LineReader.Read(paths[file], MaxRowBytes))
                {
                    cancel.ThrowIfCancellationRequested();
                    if (line is { IsTooLong: false, Bytes.IsEmpty: true })
                        continue;
                    if (lines.Count == 0)
                        lines.FirstColumnCount = line.Bytes.Span.Count(ColumnSeparator) + 1;
                    lines.places.Add(new Place(line.Offset, line.IsTooLong ? TooLong : line.Bytes.Length, file, line.Number));
                    if (lines.Count % reportedLines == 0)
                        progress?.Report(new ImportProgress(lines.Count, 0, ImportPhase.Scanning));
                }
            }

            return lines;
        }
        catch
        {
            lines.Dispose();
            throw;
        }
    }

    /// <summary>Name of the file a line is in.</summary>
    public string FileName(int line) => Path.GetFileName(files[places[line].File].Name);

    /// <summary>Reads a line.</summary>
    public ByteLine Read(int line)
    {
        var place = places[line];
        if (place.Bytes == TooLong)
            return new ByteLine(place.Number, place.Offset, default, IsTooLong: true);
        var bytes = new byte[place.Bytes];
        var file = files[place.File];
        file.Position = place.Offset;
        try
        {
            file.ReadExactly(bytes);
        }
        catch (EndOfStreamException error)
        {
            throw new KaleidoException($"'{file.Name}' became shorter while it was read; expected line {place.Number} at byte {place.Offset:N0}. Put it back and import again.", ExitCode.Failed, error);
        }

        return new ByteLine(place.Number, place.Offset, bytes, IsTooLong: false);
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        foreach (var file in files)
            file.Dispose();
    }
}
