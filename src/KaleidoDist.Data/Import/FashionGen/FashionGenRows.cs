using System.Globalization;

namespace KaleidoDist.Data;

/// <summary>Reads the rows of a Fashion-Gen file, a part of the columns at a time.</summary>
internal static class FashionGenRows
{
    /// <summary>Rows read at once: a few MB of texts.</summary>
    private const int PartRows = 512;

    /// <summary>All usable rows in file order; the others go to <paramref name="skip"/>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Its name, for skipped rows.</param>
    /// <param name="textColumn">Dataset of the descriptions.</param>
    /// <param name="split">What the file is for; null leaves it to the validation share.</param>
    /// <param name="skip">Takes the others.</param>
    public static IEnumerable<SourceRow> Read(FashionGenFile file, string name, string textColumn, DataSplit? split, Action<SkippedRow> skip)
    {
        var products = file.ProductIds();
        var texts = file.Texts(textColumn);
        var (categories, subcategories) = (file.Texts("input_category"), file.Texts("input_subcategory"));
        var attributes = new[] { "name", "brand", "gender", "season", "composition", "department", "pose" }
            .Select(column => file.Has($"input_{column}") ? file.Texts($"input_{column}") : null).ToArray();
        var prices = file.Has("input_msrpUSD") ? file.Numbers("input_msrpUSD") : null;
        for (var start = 0; start < file.RowCount; start += PartRows)
        {
            var count = Math.Min(PartRows, file.RowCount - start);
            var (ids, text, category, subcategory) = (products.Read(start, count), texts.Read(start, count), categories.Read(start, count), subcategories.Read(start, count));
            var values = attributes.Select(a => a?.Read(start, count)).ToArray();
            var price = prices?.Read(start, count);
            for (var i = 0; i < count; i++)
            {
                var row = new SourceRow(start + i + 1, "", text[i].Trim(), ids[i].ToString(CultureInfo.InvariantCulture), category[i].Trim(), subcategory[i].Trim())
                {
                    Split = split,
                    Attributes = ProductAttributes.From([.. values.Select(v => Value(v?[i]))], price?[i]),
                };
                if (Refusal(row, ids[i]) is { } refusal)
                    skip(new SkippedRow(name, row.Line, refusal.Reason, refusal.Detail));
                else
                    yield return row with { Subcategory = row.Subcategory.Length > 0 ? row.Subcategory : row.Category };
            }
        }
    }

    private static (SkipReason Reason, string Detail)? Refusal(SourceRow row, long id)
    {
        if (row.Text.Length == 0)
            return (SkipReason.MissingValue, "no description");
        if (row.Category.Length == 0)
            return (SkipReason.MissingValue, "no category");
        if (id < 0)
            return (SkipReason.OutOfRange, $"product {id} is below 0");
        if (row.HasNul)
            return (SkipReason.NulByte, "a text has a byte 0");
        return row.Attributes is { PriceUsd: { } price } && !float.IsFinite(price) ? (SkipReason.NotANumber, "the price is not finite") : null;
    }

    private static string? Value(string? text) => text?.Trim() is { Length: > 0 } value ? value : null;
}
