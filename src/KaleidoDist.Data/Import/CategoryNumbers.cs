namespace KaleidoDist.Data;

/// <summary>
/// Numbers of categories and of (category, sub-category) pairs, in ordinal order of their names, or as the source has numbered them.
/// Rows are added as they are scanned and remember a pair by its index; the numbers are known when all rows are.
/// </summary>
internal sealed class CategoryNumbers
{
    private readonly Dictionary<(string Category, string Subcategory), int> indexes = [];
    private readonly List<(string Category, string Subcategory)> pairs = [];
    private readonly Dictionary<string, int> givenCategories = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> givenCategoryNames = [];
    private readonly Dictionary<(string, string), int> givenSubcategories = [];
    private readonly Dictionary<int, string> givenSubcategoryNames = [];
    private int[]? categoryIds;
    private int[]? subcategoryIds;

    /// <summary>Distinct categories.</summary>
    public int CategoryCount => pairs.Select(p => p.Category).Distinct().Count();

    /// <summary>Distinct pairs.</summary>
    public int SubcategoryCount => pairs.Count;

    /// <summary>Takes a row's names; returns their pair's index, or null and the contradiction in the source's own numbers.</summary>
    public int? Add(SourceRow row, out string problem)
    {
        problem = "";
        if (row.Numbers is { } numbers && Contradiction(row, numbers) is { } found)
        {
            problem = found;
            return null;
        }

        var pair = (row.Category, row.Subcategory);
        if (indexes.TryGetValue(pair, out var index))
            return index;
        pairs.Add(pair);
        return indexes[pair] = pairs.Count - 1;
    }

    /// <summary>Ends adding and gives out the numbers.</summary>
    public void Complete()
    {
        var categories = givenCategories;
        var subcategories = givenSubcategories;
        if (categories.Count == 0)
        {
            foreach (var category in pairs.Select(p => p.Category).Distinct().Order(StringComparer.Ordinal))
                categories.Add(category, categories.Count);
            foreach (var pair in pairs.OrderBy(p => p.Category, StringComparer.Ordinal).ThenBy(p => p.Subcategory, StringComparer.Ordinal))
                subcategories.Add(pair, subcategories.Count);
        }

        categoryIds = [.. pairs.Select(p => categories[p.Category])];
        subcategoryIds = [.. pairs.Select(p => subcategories[p])];
    }

    /// <summary>The number of a pair's category.</summary>
    public int CategoryId(int pair) => categoryIds![pair];

    /// <summary>The number of a pair.</summary>
    public int SubcategoryId(int pair) => subcategoryIds![pair];

    private string? Contradiction(SourceRow row, (int Category, int Subcategory) numbers)
    {
        var pair = (row.Category, row.Subcategory);
        if (givenCategories.GetValueOrDefault(row.Category, numbers.Category) != numbers.Category)
            return $"category '{row.Category}' is {numbers.Category} here and {givenCategories[row.Category]} above";
        if (givenCategoryNames.GetValueOrDefault(numbers.Category, row.Category) != row.Category)
            return $"category {numbers.Category} is '{row.Category}' here and '{givenCategoryNames[numbers.Category]}' above";
        if (givenSubcategories.GetValueOrDefault(pair, numbers.Subcategory) != numbers.Subcategory)
            return $"sub-category '{row.Subcategory}' of '{row.Category}' is {numbers.Subcategory} here and {givenSubcategories[pair]} above";
        if (givenSubcategoryNames.GetValueOrDefault(numbers.Subcategory, row.Subcategory) != row.Subcategory)
            return $"sub-category {numbers.Subcategory} is '{row.Subcategory}' here and '{givenSubcategoryNames[numbers.Subcategory]}' above";
        givenCategories[row.Category] = numbers.Category;
        givenCategoryNames[numbers.Category] = row.Category;
        givenSubcategories[pair] = numbers.Subcategory;
        givenSubcategoryNames[numbers.Subcategory] = row.Subcategory;
        return null;
    }
}
