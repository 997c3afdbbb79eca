using System.Text.Json;
using CsvHelper;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads an import's list, row by row: JSON-lines or CSV by its extension.</summary>
internal static class MetadataReader
{
    /// <summary>Longest row in bytes: a description has hundreds.</summary>
    public const int MaxRowBytes = 4 << 20;

    /// <summary>All usable rows in file order; the others go to <paramref name="skip"/>.</summary>
    public static IEnumerable<SourceRow> Read(string path, ImportColumns columns, Action<SkippedRow> skip)
    {
        if (!File.Exists(path))
            throw KaleidoException.Usage($"'{path}': no such file; expected the list of pictures and texts (.jsonl or .csv).");
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".jsonl" or ".ndjson" => ReadJsonLines(path, columns, skip),
            ".csv" => ReadCsv(path, ',', columns, skip),
            ".tsv" => ReadCsv(path, '\t', columns, skip),
            var extension => throw KaleidoException.Usage(
                $"'{path}' ends in '{extension}'; expected .jsonl, .ndjson, .csv or .tsv. Rename it or convert it."),
        };
    }

    private static IEnumerable<SourceRow> ReadJsonLines(string path, ImportColumns columns, Action<SkippedRow> skip)
    {
        var name = Path.GetFileName(path);
        foreach (var line in LineReader.Read(path, MaxRowBytes))
        {
            if (line.IsTooLong)
                skip(new SkippedRow(name, line.Number, SkipReason.TooLong, $"line has more than {MaxRowBytes:N0} bytes"));
            else if (Parse(line, columns, out var refusal) is { } row)
                yield return row;
            else if (refusal is { } found)
                skip(new SkippedRow(name, line.Number, found.Reason, found.Detail));
        }
    }

    /// <summary>A line's row; null with the reason it is none, and without one when it is blank.</summary>
    private static SourceRow? Parse(ByteLine line, ImportColumns columns, out (SkipReason Reason, string Detail)? refusal)
    {
        refusal = null;
        var json = WithoutMark(line);
        if (json.Span.Trim(" \t"u8).IsEmpty)
            return null;
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                refusal = (SkipReason.Malformed, "not a JSON object");
            else if (Row(line.Number, ValuesOf(document.RootElement), columns, out refusal) is { } row)
                return row;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // An escaped half of a surrogate pair is JSON, and no text.
            refusal = (SkipReason.Malformed, "not valid JSON");
        }

        return null;
    }

    private static ReadOnlyMemory<byte> WithoutMark(ByteLine line)
        => line.Offset == 0 && line.Bytes.Span.StartsWith("\uFEFF"u8) ? line.Bytes[3..] : line.Bytes;

    private static SourceValues ValuesOf(JsonElement row)
    {
        return new SourceValues(Text, List);

        string? Text(string name) => !row.TryGetProperty(name, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };

        string? List(string name) => !row.TryGetProperty(name, out var value) ? null : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
    }

    private static IEnumerable<SourceRow> ReadCsv(string path, char separator, ImportColumns columns, Action<SkippedRow> skip)
    {
        using var text = new StreamReader(path);
        using var csv = CsvReader.Create(text, new CsvReaderOptions
        {
            Separator = separator,
            TrackLineNumbers = true,
            MalformedData = CsvMalformedDataHandling.Throw,
            MaxRecordSize = MaxRowBytes,
        });
        var fields = Guarded(path, () =>
        {
            csv.ReadHeader();
            return FieldIndexes(path, csv.Headers ?? [], columns);
        });
        var values = new SourceValues(Value, Value);
        while (Guarded(path, csv.Read))
        {
            if (Row(csv.LineNumber, values, columns, out var refusal) is { } row)
                yield return row;
            else
                skip(new SkippedRow(Path.GetFileName(path), csv.LineNumber, refusal!.Value.Reason, refusal.Value.Detail));
        }

        string? Value(string column) => fields.TryGetValue(column, out var field) && field < csv.FieldCount ? csv.GetString(field) : null;
    }

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CsvFormatException error)
        {
            throw KaleidoException.Usage($"'{path}', line {error.LineNumber}: not valid CSV; expected fields quoted as in RFC 4180. {error.Message}", error);
        }
    }

    private static Dictionary<string, int> FieldIndexes(string path, IReadOnlyList<string> header, ImportColumns columns)
    {
        var fields = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < header.Count; i++)
            fields.TryAdd(header[i], i);
        foreach (var column in columns.Extras.Values.Prepend(columns.Text).Prepend(columns.Image))
        {
            if (!fields.ContainsKey(column))
                throw KaleidoException.Usage($"'{path}' has no column '{column}'; found '{string.Join("', '", header)}'. Name the right one with --columns.");
        }

        return fields;
    }

    private static SourceRow? Row(long line, SourceValues values, ImportColumns columns, out (SkipReason Reason, string Detail)? refusal)
    {
        if (SourceRow.From(line, values.Text, columns, out var problem) is not { } bare)
            refusal = (SkipReason.MissingValue, problem);
        else if (ExtraValues.AddTo(bare, values, columns, out refusal) is { } row)
        {
            if (!row.HasNul)
                return row;
            refusal = (SkipReason.NulByte, "a text has a byte 0");
        }

        return null;
    }
}
