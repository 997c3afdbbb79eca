using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace KaleidoDist.Data;

/// <summary>
/// What is kept in memory of every row: 17 bytes, and 40 for every product. Texts wait in a <see cref="RowSpool"/>.
/// </summary>
internal sealed class RowIndex
{
    private readonly List<long> offsets = [];
    private readonly List<int> pairs = [];
    private readonly List<int> imageIndexes = [];
    private readonly List<byte> splits = [];
    private readonly Dictionary<UInt128, int> imagesOfProduct = [];
    private readonly long[] splitCounts = new long[DataSplits.All.Count];

    /// <summary>Rows.</summary>
    public int Count => offsets.Count;

    /// <summary>Names of texts, 128 bits wide: a collision among 10^9 rows has odds below 10^-20.</summary>
    public static UInt128 Hash(string text) => XxHash128.HashToUInt128(MemoryMarshal.AsBytes(text.AsSpan()));

    /// <summary>Adds a row.</summary>
    public void Add(long offset, string productId, int pair, DataSplit split)
    {
        offsets.Add(offset);
        pairs.Add(pair);
        splits.Add((byte)split);
        splitCounts[(int)split]++;
        ref var images = ref CollectionsMarshal.GetValueRefOrAddDefault(imagesOfProduct, Hash(productId), out _);
        imageIndexes.Add(images++);
    }

    /// <summary>Where the row's text waits.</summary>
    public long Offset(int row) => offsets[row];

    /// <summary>Index of the row's category and sub-category.</summary>
    public int Pair(int row) => pairs[row];

    /// <summary>Which of its product's pictures the row is, from 0.</summary>
    public int ImageIndex(int row) => imageIndexes[row];

    /// <summary>What the row is for.</summary>
    public DataSplit Split(int row) => (DataSplit)splits[row];

    /// <summary>Rows of a split.</summary>
    public long CountOf(DataSplit split) => splitCounts[(int)split];
}
