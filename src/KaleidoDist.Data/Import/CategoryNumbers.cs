namespace KaleidoDist.Data;

/// <summary>Numbers of categories and of (category, sub-category) pairs, in ordinal order of their names.</summary>
internal sealed class CategoryNumbers
{
    private readonly Dictionary<string, int> categories = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), int> subcategories = [];

    private CategoryNumbers()
    {
    }

    /// <summary>Distinct categories.</summary>
    public int CategoryCount => categories.Count;

    /// <summary>Distinct pairs.</summary>
    public int SubcategoryCount => subcategories.Count;

    /// <summary>Numbers those of all rows.</summary>
    public static CategoryNumbers Of(IReadOnlyCollection<SourceRow> rows)
    {
        var numbers = new CategoryNumbers();
        foreach (var category in rows.Select(r => r.Category).Distinct().Order(StringComparer.Ordinal))
            numbers.categories.Add(category, numbers.categories.Count);
        var pairs = rows.Select(r => (r.Category, r.Subcategory)).Distinct()
            .OrderBy(p => p.Category, StringComparer.Ordinal).ThenBy(p => p.Subcategory, StringComparer.Ordinal);
        foreach (var pair in pairs)
            numbers.subcategories.Add(pair, numbers.subcategories.Count);
        return numbers;
    }

    /// <summary>The number of a row's category.</summary>
    public int CategoryId(SourceRow row) => categories[row.Category];

    /// <summary>The number of a row's category and sub-category.</summary>
    public int SubcategoryId(SourceRow row) => subcategories[(row.Category, row.Subcategory)];
}
