using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The row groups of an epoch in their permuted order, with prefix sums of their rows and no array of row groups: the k-th group of the
/// order begins at k * c plus what the groups of another size than the common c before it add or take. Memory grows with those.
/// </summary>
internal sealed class PermutedGroups
{
    private readonly RowGroupTable table;
    private readonly KeyedPermutation permutation;

    /// <summary>Places in the permuted order of the groups of another size, ascending.</summary>
    private readonly long[] places;

    /// <summary>Rows that those of <see cref="places"/> before the i-th add to i common groups; one entry more than places.</summary>
    private readonly long[] surplus;

    /// <summary>Permutes the row groups of a table.</summary>
    public PermutedGroups(RowGroupTable table, ulong key)
    {
        this.table = table;
        permutation = new KeyedPermutation(table.GroupCount, key);
        var exceptions = table.Exceptions.Select(e => (Place: permutation.Inverse(e.Group), Extra: e.Rows - table.CommonRowCount)).ToArray();
        Array.Sort(exceptions, (a, b) => a.Place.CompareTo(b.Place));
        places = Array.ConvertAll(exceptions, e => e.Place);
        surplus = new long[places.Length + 1];
        for (var i = 0; i < places.Length; i++)
            surplus[i + 1] = surplus[i] + exceptions[i].Extra;
    }

    /// <summary>The row group at a place of the order.</summary>
    public long GroupAt(long place) => permutation.Forward(place);

    /// <summary>Rows of all groups before <paramref name="place"/>, which may be the number of groups.</summary>
    public long Start(long place)
    {
        var found = Array.BinarySearch(places, place);
        return place * table.CommonRowCount + surplus[found >= 0 ? found : ~found];
    }

    /// <summary>The place of the group that holds the <paramref name="position"/>-th row of the order.</summary>
    public long PlaceOf(long position)
    {
        // The last exceptional group that begins at or before the position; common groups only lie between two such.
        int low = 0, high = places.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = ExceptionStart(middle) <= position ? (middle + 1, high) : (low, middle);
        }

        if (low == 0)
            return position / table.CommonRowCount;
        var place = places[low - 1];
        var afterIt = (place + 1) * table.CommonRowCount + surplus[low];
        return position < afterIt ? place : place + 1 + (position - afterIt) / table.CommonRowCount;
    }

    private long ExceptionStart(int index) => places[index] * table.CommonRowCount + surplus[index];
}
