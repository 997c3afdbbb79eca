using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Contracts;

/// <summary>How records look in a journal and wherever else metrics are written as JSON: snake_case, a number that is not finite as null.</summary>
public static class JournalFormat
{
    /// <summary>Options for <see cref="StepRecord"/>, <see cref="ValidationRecord"/> and <see cref="TaskRecord"/>.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new FiniteOrNull() },
    };

    /// <summary>JSON has no NaN: a loss that diverged is null, which every reader understands, and NaN again when read.</summary>
    private sealed class FiniteOrNull : JsonConverter<double>
    {
        public override bool HandleNull => true;

        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteNullValue();
        }
    }
}
