using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Checkpoints;

/// <summary>What a resume needs besides tensors and position, and cannot derive.</summary>
/// <param name="OptimizerStep">Times the optimizer was applied: Adam's bias correction depends on it.</param>
public sealed record TrainingState(long OptimizerStep)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        MaxDepth = 4,
    };

    /// <summary>Further values by name.</summary>
    public IReadOnlyDictionary<string, string> Values { get; init; } = new Dictionary<string, string>();

    /// <summary>Fields written by a newer program: kept, and not looked at.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? UnknownFields { get; init; }

    /// <summary>The stored form.</summary>
    internal byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, Format);

    /// <summary>Reads the stored form.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message is a clause that says how.</exception>
    internal static TrainingState FromUtf8(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingState>(utf8, Format) ?? throw new InvalidDataException("it is empty");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"it is not a training state: {error.Message}", error);
        }
    }
}
