namespace KaleidoDist.Data;

/// <summary>Which columns (CSV) or keys (JSON-lines) of the source hold what. A missing optional one takes its default.</summary>
/// <param name="Image">Path of the picture below the image folder; required.</param>
/// <param name="Text">The description; required.</param>
/// <param name="ProductId">Identity of the product. Default: the picture's path, so that every picture is its own product.</param>
/// <param name="Category">Category name. Default: the first folder of the picture's path, else none.</param>
/// <param name="Subcategory">Sub-category name. Default: the category's name.</param>
public sealed record ImportColumns(
    string Image = "image",
    string Text = "text",
    string ProductId = "product_id",
    string Category = "category",
    string Subcategory = "subcategory")
{
    /// <summary>Columns of the data set that are taken only when asked for.</summary>
    public static IReadOnlyList<string> ExtraNames => RawSchema.Extras;

    /// <summary>
    /// The columns of the source by their name in the data set, one of <see cref="ExtraNames"/>. Attributes are texts, and the price a
    /// number; <c>fg_box</c> is the JSON array [x1, y1, x2, y2] in pixels of the upright picture, exclusive ends; <c>alignments</c> is a
    /// JSON array of objects with word_start, word_end, level, patch and score (see <see cref="Alignment"/>). A row without a value has none.
    /// </summary>
    public IReadOnlyDictionary<string, string> Extras { get; init; } = new Dictionary<string, string>();
}
