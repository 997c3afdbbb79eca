namespace KaleidoDist.Data;

/// <summary>One line of an import's metadata file.</summary>
/// <param name="Line">1-based line (CSV: record).</param>
/// <param name="Image">Picture path as written in the file.</param>
/// <param name="Text">The description, trimmed, not empty.</param>
/// <param name="ProductId">Product, by default the picture path.</param>
/// <param name="Category">Category name, empty for none.</param>
/// <param name="Subcategory">Sub-category name, by default the category.</param>
internal sealed record SourceRow(long Line, string Image, string Text, string ProductId, string Category, string Subcategory)
{
    /// <summary>A row from the values of its columns, or null and the reason it cannot be one.</summary>
    public static SourceRow? From(long line, Func<string, string?> value, ImportColumns columns, out string problem)
    {
        problem = "";
        if (Read(columns.Image) is not { } image)
            problem = $"no '{columns.Image}'";
        else if (Read(columns.Text) is not { } text)
            problem = $"no '{columns.Text}'";
        else
        {
            var category = Read(columns.Category) ?? FirstFolder(image);
            return new SourceRow(line, image, text, Read(columns.ProductId) ?? image, category, Read(columns.Subcategory) ?? category);
        }

        return null;

        string? Read(string column) => value(column)?.Trim() is { Length: > 0 } found ? found : null;
    }

    private static string FirstFolder(string path) => path.Split('/') is { Length: > 1 } parts ? parts[0] : "";
}
