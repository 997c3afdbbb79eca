using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>What a <see cref="LeafFeed"/> delivers.</summary>
public sealed record LeafFeedOptions
{
    /// <summary>The training data.</summary>
    public required DatasetManifest Manifest { get; init; }

    /// <summary>V, G and the shuffle window.</summary>
    public required PlanShape Shape { get; init; }

    /// <summary>The job's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Sizes of the micro-batches' arrays.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>Samples of a full micro-batch.</summary>
    public required int MicroBatchSize { get; init; }

    /// <summary>Share of rows that may fail to decode, 0..1 (see the job's data.max_bad_rows).</summary>
    public double MaxBadRows { get; init; } = 0.001;

    /// <summary>The virtual ranks to feed.</summary>
    public required VirtualRankRange VirtualRanks { get; init; }

    /// <summary>First global step.</summary>
    public required long StartStep { get; init; }

    /// <summary>One past the last global step; may lie in a later epoch.</summary>
    public required long EndStep { get; init; }

    /// <summary>Steps made ahead of their use. Default 2: one in use, one ready.</summary>
    public int PrefetchSteps { get; init; } = 2;
}

/// <summary>
/// The leaves of a range of virtual ranks, step after step: all virtual ranks of a step in ascending order, then the next step, over
/// the borders of epochs. Every virtual rank has a leaf in every step, possibly an empty one. What a leaf holds depends on the data, the
/// plan and the seed alone; which ranges there are and where a feed started leave no trace in it. For one consuming thread.
/// </summary>
public sealed class LeafFeed : IDisposable
{
    private readonly LeafFeedOptions options;
    private readonly RowGroupTable table;
    private readonly LeafEncoder encoder;
    private readonly LeafQueue queue;

    /// <summary>Starts to read and encode in the background.</summary>
    /// <param name="options">What to deliver.</param>
    /// <param name="encoder">Encodes single samples; called on the background thread only.</param>
    public LeafFeed(LeafFeedOptions options, ISampleEncoder encoder)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.StartStep);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.VirtualRanks.Count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.VirtualRanks.End, options.Shape.VirtualRanks);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PrefetchSteps, 1);
        this.options = options;
        table = new RowGroupTable(options.Manifest);

        var reader = new RowGroupReader(options.Manifest, table, GroupCapacity(options.VirtualRanks.Count, options.Shape.ShuffleWindow));
        var limit = new BadRowLimit(options.MaxBadRows, options.Manifest, table);
        this.encoder = new LeafEncoder(encoder, reader, limit, options.Model, options.MicroBatchSize, options.Seed);
        queue = new LeafQueue(Leaves, reader, options.PrefetchSteps * options.VirtualRanks.Count);
    }

    /// <summary>
    /// Row groups that are kept in memory: every virtual rank works in one window of them; one window more lets them move on without dropping another's.
    /// </summary>
    /// <param name="virtualRanks">Virtual ranks that are fed.</param>
    /// <param name="shuffleWindow">Row groups of a window.</param>
    public static int GroupCapacity(int virtualRanks, int shuffleWindow) => (virtualRanks + 1) * shuffleWindow;

    /// <summary>The next leaf, or null after the last one of the last step. Waits for it.</summary>
    /// <exception cref="KaleidoException">Data cannot be read, or too many rows do not decode.</exception>
    public Leaf? Next(CancellationToken cancel = default) => queue.Next(cancel);

    /// <summary>Stops reading. Leaves already handed out stay valid.</summary>
    public void Dispose() => queue.Dispose();

    private IEnumerable<Leaf> Leaves(CancellationToken cancel)
    {
        EpochPlan? plan = null;
        for (var step = options.StartStep; step < options.EndStep; step++)
        {
            var position = TrainingPosition.Of(step, table.RowCount, options.Shape);
            if (plan?.Epoch != position.Epoch)
                plan = new EpochPlan(table, options.Shape, options.Seed, position.Epoch);
            for (var virtualRank = options.VirtualRanks.First; virtualRank < options.VirtualRanks.End; virtualRank++)
            {
                var samples = plan.Leaf(position.StepInEpoch, virtualRank);
                yield return encoder.Encode(step, virtualRank, plan.Epoch, samples, plan.SliceLength(virtualRank), cancel);
            }
        }
    }
}
