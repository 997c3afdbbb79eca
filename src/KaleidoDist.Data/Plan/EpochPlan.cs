using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Which samples every step and virtual rank of an epoch takes: a pure function of the data set's row groups, the shape, the seed and
/// the epoch. Any sample is found directly, without what comes before it, in memory that does not grow with the data set's rows.
/// </summary>
/// <remarks>
/// 1. Row groups are permuted and their rows laid end to end: the stream, [0, N).
/// 2. The stream is cut into V slices [v*N/V, (v+1)*N/V), one for each virtual rank.
/// 3. The row groups at places [w*k, (w+1)*k) of the permuted order are window w. Inside a slice the rows of a window are permuted.
/// 4. Step s takes the samples [s*G/V, (s+1)*G/V) of every slice. The last step may be smaller, and a leaf of it empty; nothing is
///    dropped, padded or repeated.
/// </remarks>
public sealed class EpochPlan
{
    /// <summary>Name of this order. A checkpoint keeps it: another order cannot go on in the middle of an epoch.</summary>
    public const string OrderVersion = "feistel-v1";

    private readonly RowGroupTable table;
    private readonly PermutedGroups groups;
    private readonly ulong seed;

    /// <summary>The plan of one epoch.</summary>
    /// <param name="table">The data set's row groups.</param>
    /// <param name="shape">V, G and k.</param>
    /// <param name="seed">The job's seed.</param>
    /// <param name="epoch">From 0.</param>
    public EpochPlan(RowGroupTable table, PlanShape shape, ulong seed, long epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        this.table = table;
        this.seed = seed;
        Shape = shape;
        Epoch = epoch;
        groups = new PermutedGroups(table, KeyedRandom.Key(seed, RandomPurpose.RowGroupOrder, (ulong)epoch));
    }

    /// <summary>The epoch.</summary>
    public long Epoch { get; }

    /// <summary>V, G and k.</summary>
    public PlanShape Shape { get; }

    /// <summary>Steps of the epoch.</summary>
    public long StepCount => Shape.StepCount(table.RowCount);

    /// <summary>Samples of a virtual rank in the whole epoch.</summary>
    public long SliceLength(int virtualRank) => Shape.Slice(virtualRank, table.RowCount).Length;

    /// <summary>Samples of a virtual rank in a step; 0 is possible in the last step.</summary>
    public int LeafCount(long step, int virtualRank)
    {
        ThrowIfNoStep(step);
        return (int)Math.Clamp(SliceLength(virtualRank) - step * Shape.LeafSize, 0, Shape.LeafSize);
    }

    /// <summary>Samples of a step over all virtual ranks: what its gradient is divided by.</summary>
    public int SampleCount(long step)
    {
        ThrowIfNoStep(step);
        return (int)(Shape.SamplesBefore(step + 1, table.RowCount) - Shape.SamplesBefore(step, table.RowCount));
    }

    /// <summary>The samples of a virtual rank in a step, in order.</summary>
    public SampleRef[] Leaf(long step, int virtualRank)
    {
        var leaf = new SampleRef[LeafCount(step, virtualRank)];
        for (var i = 0; i < leaf.Length; i++)
            leaf[i] = SampleAt(virtualRank, step * Shape.LeafSize + i);
        return leaf;
    }

    /// <summary>The <paramref name="offset"/>-th sample of a virtual rank in this epoch.</summary>
    public SampleRef SampleAt(int virtualRank, long offset)
    {
        var (sliceStart, sliceLength) = Shape.Slice(virtualRank, table.RowCount);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, sliceLength);

        var position = sliceStart + offset;
        var window = groups.PlaceOf(position) / Shape.ShuffleWindow;
        var start = Math.Max(groups.Start(window * Shape.ShuffleWindow), sliceStart);
        var end = Math.Min(groups.Start(Math.Min((window + 1) * Shape.ShuffleWindow, table.GroupCount)), sliceStart + sliceLength);
        var key = KeyedRandom.Key(seed, RandomPurpose.WindowOrder, (ulong)Epoch, (ulong)virtualRank, (ulong)window);
        var shuffled = start + new KeyedPermutation(end - start, key).Forward(position - start);

        var place = groups.PlaceOf(shuffled);
        var group = groups.GroupAt(place);
        var row = (int)(shuffled - groups.Start(place));
        return new SampleRef(group, row, table.Locate(group).FirstSample + row);
    }

    private void ThrowIfNoStep(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(step, StepCount);
    }
}
