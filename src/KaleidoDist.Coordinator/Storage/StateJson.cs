using System.Text.Json;
using System.Text.Json.Serialization;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>State as JSON that a person can read with the sqlite3 shell: <c>{"schema":2,"state":{...}}</c>. Added members are tolerated, newer schemas refused.</summary>
internal static class StateJson
{
    /// <summary>Version of the records' meaning; raised when an older program would misread a row.</summary>
    public const int Schema = 2;

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Writes a state.</summary>
    public static string Write<T>(T state) => JsonSerializer.Serialize(new Envelope<T>(Schema, state), Format);

    /// <summary>Reads <see cref="Write"/>.</summary>
    /// <exception cref="KaleidoException">A newer version wrote it.</exception>
    public static T Read<T>(string json)
    {
        var envelope = JsonSerializer.Deserialize<Envelope<T>>(json, Format) ?? throw new JsonException("The stored state is null.");
        return envelope.Schema <= Schema
            ? envelope.State
            : throw new KaleidoException($"A stored {typeof(T).Name} has schema {envelope.Schema}; this program reads up to {Schema}. Use the newer kaleido that wrote it.");
    }

    private sealed record Envelope<T>(int Schema, T State);
}
