using System.Runtime.CompilerServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Which rows of a row group may lend text or patches to which: those of other products.</summary>
internal sealed class DonorIndex
{
    private static readonly ConditionalWeakTable<RowGroup, DonorIndex> Indexes = [];

    private readonly int[] products;
    private readonly int[] subcategories;
    private readonly int[][] rowsBySubcategory;
    private readonly int[] rows;

    private DonorIndex(RowGroup group)
    {
        products = Number(group.Rows, row => row.ProductId);
        subcategories = Number(group.Rows, row => (row.CategoryId, row.SubcategoryId, row.Subcategory));
        rows = [.. Enumerable.Range(0, group.Rows.Count)];
        rowsBySubcategory = [.. rows.GroupBy(row => subcategories[row]).OrderBy(g => g.Key).Select(g => g.ToArray())];
    }

    /// <summary>The index of a row group, built once while the group lives.</summary>
    public static DonorIndex Of(RowGroup group) => Indexes.GetValue(group, g => new DonorIndex(g));

    /// <summary>Other products' rows of the same category and sub-category.</summary>
    public Donors SameSubcategory(int row, int[] scratch) => Others(rowsBySubcategory[subcategories[row]], row, scratch);

    /// <summary>Other products' rows.</summary>
    public Donors Any(int row, int[] scratch) => Others(rows, row, scratch);

    private Donors Others(int[] candidates, int row, int[] scratch)
    {
        var count = 0;
        foreach (var candidate in candidates)
        {
            if (products[candidate] != products[row])
                scratch[count++] = candidate;
        }

        return new Donors(scratch.AsSpan(0, count));
    }

    // Equal values get equal numbers, in order of first appearance.
    private static int[] Number<T>(IReadOnlyList<RawRow> rows, Func<RawRow, T> value)
        where T : notnull
    {
        var numbers = new Dictionary<T, int>();
        var result = new int[rows.Count];
        for (var i = 0; i < result.Length; i++)
        {
            var key = value(rows[i]);
            if (!numbers.TryGetValue(key, out result[i]))
                numbers.Add(key, result[i] = numbers.Count);
        }

        return result;
    }
}

/// <summary>Rows drawn uniformly without replacement: who refuses one draws the next, and the end is reached.</summary>
internal ref struct Donors(Span<int> candidates)
{
    private readonly Span<int> candidates = candidates;
    private int drawn;

    /// <summary>Draws the next row; false when all were drawn.</summary>
    public bool TryDraw(ref KeyedRandom random, out int row)
    {
        row = -1;
        if (drawn == candidates.Length)
            return false;
        var other = drawn + random.Next(candidates.Length - drawn);
        (candidates[drawn], candidates[other]) = (candidates[other], candidates[drawn]);
        row = candidates[drawn++];
        return true;
    }
}
