namespace KaleidoDist.Data;

/// <summary>One row of a source, without its picture.</summary>
/// <param name="Line">1-based line or row.</param>
/// <param name="Image">The picture's name in the source; empty where the source numbers a product's pictures by their order.</param>
/// <param name="Text">The description, trimmed, not empty.</param>
/// <param name="ProductId">Product.</param>
/// <param name="Category">Category name, empty for none.</param>
/// <param name="Subcategory">Sub-category name, by default the category.</param>
internal sealed record SourceRow(long Line, string Image, string Text, string ProductId, string Category, string Subcategory)
{
    /// <summary>The split the source puts the row in; null leaves it to the validation share.</summary>
    public DataSplit? Split { get; init; }

    /// <summary>The source's own numbers of category and sub-category; null has them numbered here.</summary>
    public (int Category, int Subcategory)? Numbers { get; init; }

    /// <summary>What the source knows beyond the text.</summary>
    public ProductAttributes? Attributes { get; init; }

    /// <summary>The foreground in pixels of the upright picture as the source has it; null to have it found.</summary>
    public PixelBox? ForegroundBox { get; init; }

    /// <summary>Known word-patch alignments.</summary>
    public IReadOnlyList<Alignment> Alignments { get; init; } = [];

    /// <summary>Whether a text has a character 0, which no picture's path and no description has.</summary>
    public bool HasNul => new[] { Image, Text, ProductId, Category, Subcategory }.Concat(Attributes?.Texts ?? []).Any(t => t?.Contains('\0') == true);

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
