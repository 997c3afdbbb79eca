using System.Text.Json;
using CsvHelper;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Reads an import's metadata file: JSON-lines or CSV by its extension.</summary>
internal static class MetadataReader
{
    /// <summary>All usable rows in file order; the others go to <paramref name="skipped"/>.</summary>
    public static List<SourceRow> Read(string path, ImportColumns columns, List<SkippedRow> skipped)
    {
        if (!File.Exists(path))
            throw KaleidoException.Usage($"'{path}': no such file; expected the list of pictures and texts (.jsonl or .csv).");
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".jsonl" or ".ndjson" => ReadJsonLines(path, columns, skipped),
            ".csv" => ReadCsv(path, ',', columns, skipped),
            ".tsv" => ReadCsv(path, '\t', columns, skipped),
            var extension => throw KaleidoException.Usage(
                $"'{path}' ends in '{extension}'; expected .jsonl, .ndjson, .csv or .tsv. Rename it or convert it."),
        };
    }

    private static List<SourceRow> ReadJsonLines(string path, ImportColumns columns, List<SkippedRow> skipped)
    {
        var rows = new List<SourceRow>();
        long line = 0;
        foreach (var text in File.ReadLines(path))
        {
            line++;
            if (string.IsNullOrWhiteSpace(text))
                continue;
            try
            {
                using var document = JsonDocument.Parse(text);
                if (document.RootElement.ValueKind != JsonValueKind.Object)
                    skipped.Add(new SkippedRow(line, "not a JSON object"));
                else
                    Add(rows, skipped, line, columns, name => Value(document.RootElement, name));
            }
            catch (JsonException)
            {
                skipped.Add(new SkippedRow(line, "not valid JSON"));
            }
        }

        return rows;
    }

    private static string? Value(JsonElement row, string name)
        => !row.TryGetProperty(name, out var value) ? null : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };

    private static List<SourceRow> ReadCsv(string path, char separator, ImportColumns columns, List<SkippedRow> skipped)
    {
        var rows = new List<SourceRow>();
        using var text = new StreamReader(path);
        using var csv = CsvReader.Create(text, new CsvReaderOptions
        {
            Separator = separator,
            TrackLineNumbers = true,
            MalformedData = CsvMalformedDataHandling.Throw,
        });
        try
        {
            csv.ReadHeader();
            var fields = FieldIndexes(path, csv.Headers ?? [], columns);
            while (csv.Read())
            {
                Add(rows, skipped, csv.LineNumber, columns, name =>
                    fields.TryGetValue(name, out var field) && field < csv.FieldCount ? csv.GetString(field) : null);
            }
        }
        catch (CsvFormatException error)
        {
            throw KaleidoException.Usage($"'{path}', line {error.LineNumber}: not valid CSV; expected fields quoted as in RFC 4180. {error.Message}", error);
        }

        return rows;
    }

    private static Dictionary<string, int> FieldIndexes(string path, IReadOnlyList<string> header, ImportColumns columns)
    {
        var fields = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < header.Count; i++)
            fields.TryAdd(header[i], i);
        foreach (var column in new[] { columns.Image, columns.Text })
        {
            if (!fields.ContainsKey(column))
                throw KaleidoException.Usage($"'{path}' has no column '{column}'; found '{string.Join("', '", header)}'. Name the right one with --columns.");
        }

        return fields;
    }

    private static void Add(List<SourceRow> rows, List<SkippedRow> skipped, long line, ImportColumns columns, Func<string, string?> value)
    {
        if (SourceRow.From(line, value, columns, out var problem) is { } row)
            rows.Add(row);
        else
            skipped.Add(new SkippedRow(line, problem));
    }
}
