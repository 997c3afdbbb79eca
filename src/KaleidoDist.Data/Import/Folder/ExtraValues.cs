using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KaleidoDist.Data;

/// <summary>Reads a row's attributes, foreground box and alignments from the columns that were named for them.</summary>
internal static class ExtraValues
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The row with its extra values, or null and why one of them cannot be used.</summary>
    public static SourceRow? AddTo(SourceRow row, SourceValues values, ImportColumns columns, out (SkipReason Reason, string Detail)? refusal)
    {
        refusal = null;
        if (columns.Extras.Count == 0)
            return row;
        if (!TryReadPrice(Text(RawSchema.PriceUsd), out var price))
            refusal = (SkipReason.NotANumber, $"'{columns.Extras[RawSchema.PriceUsd]}' is no finite number");
        else if (!TryReadList<int>(List(RawSchema.ForegroundBox), out var box) || !(box.Length == 0 || IsBox(box)))
            refusal = (SkipReason.OutOfRange, $"'{columns.Extras[RawSchema.ForegroundBox]}' is no box [x1, y1, x2, y2] with 0 <= x1 < x2 and 0 <= y1 < y2");
        else if (!TryReadList<Alignment>(List(RawSchema.Alignments), out var alignments) || !alignments.All(a => a.IsPossible))
            refusal = (SkipReason.OutOfRange, $"'{columns.Extras[RawSchema.Alignments]}' is no list of alignments with {Alignment.Possible}");
        else
        {
            return row with
            {
                Attributes = columns.Extras.Keys.Any(RawSchema.Attributes.Contains)
                    ? ProductAttributes.From([.. RawSchema.Attributes.Where(name => name != RawSchema.PriceUsd).Select(Text)], price)
                    : null,
                ForegroundBox = box is [var x1, var y1, var x2, var y2] ? new PixelBox(x1, y1, x2, y2) : null,
                Alignments = alignments,
            };
        }

        return null;

        string? Text(string name) => columns.Extras.TryGetValue(name, out var column) && values.Text(column)?.Trim() is { Length: > 0 } found ? found : null;

        string? List(string name) => columns.Extras.TryGetValue(name, out var column) ? values.List(column) : null;
    }

    private static bool TryReadPrice(string? text, out float? price)
    {
        price = float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && float.IsFinite(number) ? number : null;
        return text is null || price is not null;
    }

    private static bool IsBox(int[] numbers) => numbers is [>= 0, >= 0, _, _] && numbers[0] < numbers[2] && numbers[1] < numbers[3];

    private static bool TryReadList<T>(string? json, out T[] list)
    {
        list = [];
        if (string.IsNullOrWhiteSpace(json))
            return true;
        try
        {
            list = JsonSerializer.Deserialize<T[]>(json, Format) ?? [];
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
