using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// <c>model.safetensors.index.json</c>: which file of a folder has which tensor, where weights are more than one file should hold. The layout of Hugging Face's libraries, which
/// read it and write it.
/// </summary>
/// <param name="WeightMap">For each tensor the name of its file, without folder.</param>
internal sealed record WeightsIndex(IReadOnlyDictionary<string, string> WeightMap)
{
    /// <summary>Its name, beside the files.</summary>
    internal const string FileName = "model.safetensors.index.json";

    /// <summary>What names of such files end with.</summary>
    internal const string Extension = ".safetensors.index.json";

    /// <summary>Largest index that is read: some hundred thousand tensors.</summary>
    internal const int MaxBytes = 32 << 20;

    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        IndentSize = 2,
        MaxDepth = 4,
        AllowDuplicateProperties = false,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>The files it names, in ordinal order, each with its tensors.</summary>
    internal IEnumerable<IGrouping<string, string>> Files => WeightMap.GroupBy(t => t.Value, t => t.Key, StringComparer.Ordinal).OrderBy(f => f.Key, StringComparer.Ordinal);

    /// <summary>The stored form: tensors in ordinal order, and the bytes of all of them.</summary>
    internal byte[] ToUtf8(long totalBytes) => JsonSerializer.SerializeToUtf8Bytes(
        new Stored(
            new SortedDictionary<string, string>(WeightMap.ToDictionary(), StringComparer.Ordinal),
            new Dictionary<string, JsonElement> { ["total_size"] = JsonSerializer.SerializeToElement(totalBytes) }),
        Format);

    /// <summary>Reads an index that somebody else wrote.</summary>
    /// <exception cref="InvalidDataException">It is none, or names something other than safetensors files beside it; the message is a clause that says what.</exception>
    internal static WeightsIndex Read(IStorageReader file)
    {
        if (file.Length > MaxBytes)
            throw new InvalidDataException($"the index has {file.Length} bytes; at most {MaxBytes} are read");
        try
        {
            var stored = JsonSerializer.Deserialize<Stored>(StoredFile.ReadAll(file), Format) ?? throw new InvalidDataException("the index is empty");
            var stranger = stored.WeightMap.Values.Select(name => name ?? "").FirstOrDefault(name => Path.GetFileName(name) != name || !name.EndsWith(".safetensors", StringComparison.Ordinal));
            return stranger is null && stored.WeightMap.Count > 0
                ? new WeightsIndex(new Dictionary<string, string>(stored.WeightMap, StringComparer.Ordinal))
                : throw new InvalidDataException(stranger is null ? "the index names no tensor" : $"the index names '{stranger}'; expected a safetensors file beside it");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"the index cannot be read: {error.Message}", error);
        }
    }

    private sealed record Stored(
        [property: JsonPropertyName("weight_map")] IDictionary<string, string> WeightMap,
        [property: JsonPropertyName("metadata"), JsonPropertyOrder(-1)] IReadOnlyDictionary<string, JsonElement>? Metadata = null);
}
