using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace KaleidoDist.Contracts;

/// <summary>
/// The stored form of a <see cref="CheckpointManifest"/>: JSON in one canonical spelling (keys in ordinal order, two spaces of indent,
/// line feeds), with its own hash in <c>self</c>. A file in any other spelling is damaged, so every changed bit is found.
/// </summary>
public static class CheckpointManifestJson
{
    /// <summary>Largest manifest that is read, in bytes.</summary>
    public const int MaxBytes = 16 << 20;

    private const int MaxDepth = 16;
    private const string SelfKey = "self";
    private const string SelfPrefix = "sha256:";

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        MaxDepth = MaxDepth,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    private static readonly JsonWriterOptions Spelling = new()
    {
        Indented = true,
        IndentSize = 2,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Encodes a manifest, and returns it with its <see cref="CheckpointManifest.Self"/> set.</summary>
    public static (byte[] Utf8, CheckpointManifest Sealed) Encode(CheckpointManifest manifest)
    {
        var fields = JsonSerializer.SerializeToNode(manifest with { Self = null }, Format)!.AsObject();
        var self = HashOf(Write(Sort(fields)));
        fields[SelfKey] = self;
        return (Write(Sort(fields)), manifest with { Self = self });
    }

    /// <summary>Decodes and checks a stored manifest.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message is a clause that says how.</exception>
    /// <exception cref="KaleidoException">It is whole, but needs a newer program.</exception>
    public static CheckpointManifest Decode(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var fields = Parse(utf8);
            RequireHash(fields, utf8);
            RequireReader(fields);
            var manifest = fields.Deserialize<CheckpointManifest>(Format) ?? throw new InvalidDataException("it is empty");
            CheckpointManifestRules.Require(manifest);
            return manifest;
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"it lacks a field or has one of another type: {error.Message}", error);
        }
        catch (InvalidOperationException error)
        {
            // Escapes that are no Unicode text (half a surrogate pair) show wherever a key or string is first looked at.
            throw new InvalidDataException($"it holds text that is not Unicode: {error.Message}", error);
        }
    }

    private static JsonObject Parse(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxBytes)
            throw new InvalidDataException($"it has {utf8.Length:N0} bytes; at most {MaxBytes:N0} are read");
        if (!Utf8.IsValid(utf8))
            throw new InvalidDataException("it is not UTF-8 text");
        try
        {
            return JsonNode.Parse(utf8, documentOptions: Strict) as JsonObject ?? throw new InvalidDataException("it is not a JSON object");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"it is not JSON: {error.Message}", error);
        }
    }

    private static void RequireHash(JsonObject fields, ReadOnlySpan<byte> stored)
    {
        if (fields[SelfKey] is not JsonValue value || !value.TryGetValue<string>(out var self))
            throw new InvalidDataException("it has no 'self' hash");
        if (!Write(Sort(fields)).AsSpan().SequenceEqual(stored))
            throw new InvalidDataException("it is not in canonical form");
        fields.Remove(SelfKey);
        var found = HashOf(Write(Sort(fields)));
        if (found != self)
            throw new InvalidDataException($"its content hashes to {found}, its 'self' says {self}");
        fields[SelfKey] = self;
    }

    private static void RequireReader(JsonObject fields)
    {
        if (fields["minReader"] is JsonValue value && value.TryGetValue<int>(out var minReader) && minReader > CheckpointManifest.CurrentReader)
        {
            throw new KaleidoException(
                $"A checkpoint manifest needs reader version {minReader}; this program reads version {CheckpointManifest.CurrentReader}. "
                + "Use the newer program that wrote it.");
        }
    }

    private static JsonObject Sort(JsonObject fields)
        => new(fields.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Key, Sorted(f.Value))));

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject inner => Sort(inner),
        JsonArray array => new JsonArray([.. array.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static byte[] Write(JsonObject fields)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Spelling))
            fields.WriteTo(writer);
        return stream.ToArray();
    }

    private static string HashOf(byte[] utf8) => SelfPrefix + Convert.ToHexStringLower(SHA256.HashData(utf8));
}
