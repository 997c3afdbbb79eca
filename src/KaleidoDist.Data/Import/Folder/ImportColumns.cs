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
    string Subcategory = "subcategory");
