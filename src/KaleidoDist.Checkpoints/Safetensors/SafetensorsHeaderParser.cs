using System.Text.Json;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// Reads the JSON of a safetensors header as hostile text: nothing in it is used before all of it has been checked. Pure.
/// Rules: one object, no duplicate names, allowed types, sizes whose product does not overflow, ranges as long as their shapes and types say, and
/// all ranges together tile the data exactly (so none overlaps, leaves a hole, or hides inside another, empty ones included).
/// </summary>
internal static class SafetensorsHeaderParser
{
    private const int MaxDepth = 4;
    private const int MaxNameLength = 1024;
    private const int MaxDimensions = 16;

    /// <summary>Parses a header.</summary>
    /// <param name="json">The N bytes after the length field.</param>
    /// <param name="fileBytes">Size of the whole file.</param>
    /// <exception cref="InvalidDataException">A rule is broken; the message is a clause that says which.</exception>
    internal static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileBytes)
    {
        var dataStart = SafetensorsHeader.PrefixBytes + (long)json.Length;
        var dataBytes = fileBytes - dataStart;
        Require(!json.IsEmpty && json[0] == (byte)'{', "its header does not start with '{'");
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
            var (metadata, entries) = ReadHeader(ref reader);
            Require(!reader.Read(), "there is text after its header");
            return new SafetensorsHeader(metadata, Tile(entries, dataBytes), dataStart, dataBytes);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is not valid UTF-8 or UTF-16.
            throw new InvalidDataException($"its header is not JSON: {error.Message}", error);
        }
    }

    private static (Dictionary<string, string> Metadata, List<SafetensorsEntry> Entries) ReadHeader(ref Utf8JsonReader reader)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = new List<SafetensorsEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        Expect(ref reader, JsonTokenType.StartObject, "an object");
        while (ReadKey(ref reader) is { } name)
        {
            Require(names.Add(name), $"'{name}' occurs twice in its header");
            if (name == SafetensorsHeader.MetadataKey)
                ReadMetadata(ref reader, metadata);
            else
                entries.Add(ReadEntry(ref reader, name));
        }

        return (metadata, entries);
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        Expect(ref reader, JsonTokenType.StartObject, "an object for __metadata__");
        while (ReadKey(ref reader) is { } key)
        {
            Expect(ref reader, JsonTokenType.String, "a string in __metadata__");
            Require(metadata.TryAdd(key, reader.GetString()!), $"'{key}' occurs twice in __metadata__");
        }
    }

    private static SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        TensorType? type = null;
        List<long>? shape = null, range = null;
        Expect(ref reader, JsonTokenType.StartObject, $"an object for tensor '{name}'");
        while (ReadKey(ref reader) is { } key)
        {
            switch (key)
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String, $"a string for the dtype of '{name}'");
                    var text = reader.GetString()!;
                    type = TensorTypes.Parse(text);
                    Require(type is not null, $"tensor '{name}' has dtype '{Printable(text)}', which is not supported");
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, MaxDimensions, $"the shape of '{name}'");
                    break;
                case "data_offsets" when range is null:
                    range = ReadNumbers(ref reader, 2, $"the data_offsets of '{name}'");
                    break;
                default:
                    throw new InvalidDataException($"tensor '{name}' has the key '{key}' twice or is not allowed to have it");
            }
        }

        Require(type is not null && shape is not null && range is { Count: 2 }, $"tensor '{name}' lacks its dtype, shape or two data_offsets");
        return Entry(name, type!.Value, shape!, begin: range![0], end: range[1]);
    }

    private static SafetensorsEntry Entry(string name, TensorType type, List<long> shape, long begin, long end)
    {
        Require(begin <= end, $"tensor '{name}' ends before it begins");
        try
        {
            var bytes = TensorTypes.Bytes(type, shape);
            Require(bytes == end - begin, $"tensor '{name}' {TensorTypes.Describe(type, shape)} takes {bytes} bytes, but its offsets span {end - begin}");
            return new SafetensorsEntry(name, type, shape, begin, bytes);
        }
        catch (OverflowException)
        {
            throw new InvalidDataException($"the size of tensor '{name}' {TensorTypes.Describe(type, shape)} overflows");
        }
    }

    /// <summary>Orders the tensors by their data; each must begin where the one before it ended.</summary>
    private static List<SafetensorsEntry> Tile(List<SafetensorsEntry> entries, long dataBytes)
    {
        entries.Sort((a, b) => (a.Offset, a.Bytes).CompareTo((b.Offset, b.Bytes)));
        long end = 0;
        foreach (var entry in entries)
        {
            Require(entry.Offset == end, $"tensor '{entry.Name}' begins at {entry.Offset}, expected {end}: the tensors overlap or leave a hole");
            end += entry.Bytes;
        }

        Require(end == dataBytes, $"its tensors take {end} bytes, but the file has {dataBytes} after the header");
        return entries;
    }

    private static List<long> ReadNumbers(ref Utf8JsonReader reader, int maxCount, string what)
    {
        var numbers = new List<long>();
        Expect(ref reader, JsonTokenType.StartArray, $"an array for {what}");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Require(numbers.Count < maxCount, $"{what} has more than {maxCount} numbers");
            Require(reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) && number >= 0, $"{what} is not made of whole numbers from 0 to 2^63-1");
            numbers.Add(reader.GetInt64());
        }

        return numbers;
    }

    /// <summary>The next property's name, or null at the end of the object.</summary>
    private static string? ReadKey(ref Utf8JsonReader reader)
    {
        Require(reader.Read(), "its header ends too early");
        if (reader.TokenType == JsonTokenType.EndObject)
            return null;
        var name = reader.GetString()!;
        Require(name.Length is > 0 and <= MaxNameLength && !name.Any(char.IsControl), "a name in its header is empty, too long or has control characters");
        return name;
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token, string what)
        => Require(reader.Read() && reader.TokenType == token, $"its header lacks {what}");

    private static string Printable(string text) => new([.. text.Take(32).Where(c => !char.IsControl(c))]);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new InvalidDataException(otherwise);
    }
}
