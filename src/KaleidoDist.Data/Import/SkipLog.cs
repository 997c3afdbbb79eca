using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Data;

/// <summary>
/// The rows that were left out: counted by reason, the first ones kept for people, every one a line of a file. An import that goes on
/// cuts the file to the length it had at the last complete shard, so it ends the same.
/// </summary>
internal sealed class SkipLog : IDisposable
{
    /// <summary>Name of the file beside the data.</summary>
    public const string FileName = "skipped.jsonl";

    /// <summary>Rows kept for people.</summary>
    public const int KeptCount = 10;

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly FileStream file;
    private readonly Dictionary<SkipReason, long> counts = [];
    private readonly List<SkippedRow> first = [];

    private SkipLog(FileStream file) => this.file = file;

    /// <summary>Rows by reason.</summary>
    public IReadOnlyDictionary<SkipReason, long> Counts => counts;

    /// <summary>The first rows.</summary>
    public IReadOnlyList<SkippedRow> First => first;

    /// <summary>All rows.</summary>
    public long Count => counts.Values.Sum();

    /// <summary>The first of them in words, for the message that nothing is left; empty for none.</summary>
    public string Summary => first.Count == 0 ? "" : $", the first in line {first[0].Line}: {first[0].Detail}";

    /// <summary>The file.</summary>
    public string Path => file.Name;

    /// <summary>Opens the log of an output folder as it was when it had this many bytes, and counts what is in it.</summary>
    public static SkipLog Open(string folder, long bytes)
    {
        var file = new FileStream(System.IO.Path.Combine(folder, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        file.SetLength(Math.Min(bytes, file.Length));
        var log = new SkipLog(file);
        using (var reader = new StreamReader(file, Encoding.UTF8, leaveOpen: true))
        {
            while (reader.ReadLine() is { } line)
                log.Tally(JsonSerializer.Deserialize<SkippedRow>(line, Format)!);
        }

        file.Position = file.Length;
        return log;
    }

    /// <summary>Notes a row.</summary>
    public void Add(SkippedRow row)
    {
        Tally(row);
        file.Write(JsonSerializer.SerializeToUtf8Bytes(row, Format));
        file.WriteByte((byte)'\n');
    }

    /// <summary>Hands what was noted to the system; returns the file's length.</summary>
    public long Flush()
    {
        file.Flush();
        return file.Length;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private void Tally(SkippedRow row)
    {
        counts[row.Reason] = counts.GetValueOrDefault(row.Reason) + 1;
        if (first.Count < KeptCount)
            first.Add(row);
    }
}
