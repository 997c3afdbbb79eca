using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>What an <see cref="EvaluationFeed"/> delivers.</summary>
public sealed record EvaluationFeedOptions
{
    /// <summary>The validation data.</summary>
    public required DatasetManifest Manifest { get; init; }

    /// <summary>All virtual ranks, V.</summary>
    public required int VirtualRankCount { get; init; }

    /// <summary>The virtual ranks to feed.</summary>
    public required VirtualRankRange VirtualRanks { get; init; }

    /// <summary>The job's seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Sizes of the micro-batches' arrays.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>Samples of a full micro-batch.</summary>
    public required int MicroBatchSize { get; init; }

    /// <summary>Samples over all virtual ranks at most, spread evenly over the data set; 0 for all.</summary>
    public int MaxSamples { get; init; }

    /// <summary>Share of rows that may fail to decode, 0..1.</summary>
    public double MaxBadRows { get; init; } = 0.001;
}

/// <summary>
/// Validation samples in a fixed order and in fixed micro-batches, sharded by virtual rank: each leaf is one micro-batch, all of a
/// virtual rank's before the next one's. Samples are corrupted as in epoch 0, the same in every evaluation, so that metrics compare.
/// </summary>
public sealed class EvaluationFeed : IDisposable
{
    /// <summary>Key of the corruptions of every evaluation.</summary>
    private const long Epoch = 0;

    private const int PrefetchCount = 2;
    private const int GroupCapacity = 2;

    private readonly EvaluationFeedOptions options;
    private readonly RowGroupTable table;
    private readonly LeafEncoder encoder;
    private readonly LeafQueue queue;

    /// <summary>Starts to read and encode in the background.</summary>
    /// <param name="options">What to deliver.</param>
    /// <param name="encoder">Encodes single samples; called on the background thread only.</param>
    public EvaluationFeed(EvaluationFeedOptions options, ISampleEncoder encoder)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxSamples);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.VirtualRanks.End, options.VirtualRankCount);
        this.options = options;
        table = new RowGroupTable(options.Manifest);
        SampleCount = options.MaxSamples == 0 ? table.RowCount : Math.Min(options.MaxSamples, table.RowCount);
        var reader = new RowGroupReader(options.Manifest, table, GroupCapacity);
        var limit = new BadRowLimit(options.MaxBadRows, options.Manifest, table);
        this.encoder = new LeafEncoder(encoder, reader, limit, options.Model, options.MicroBatchSize, options.Seed);
        queue = new LeafQueue(Leaves, reader, PrefetchCount);
    }

    /// <summary>Samples of the evaluation over all virtual ranks.</summary>
    public long SampleCount { get; }

    /// <summary>The next micro-batch, or null after the last one. Waits for it.</summary>
    /// <exception cref="KaleidoException">Data cannot be read, or too many rows do not decode.</exception>
    public Leaf? Next(CancellationToken cancel = default) => queue.Next(cancel);

    /// <summary>Stops reading. Leaves already handed out stay valid.</summary>
    public void Dispose() => queue.Dispose();

    private IEnumerable<Leaf> Leaves(CancellationToken cancel)
    {
        for (var virtualRank = options.VirtualRanks.First; virtualRank < options.VirtualRanks.End; virtualRank++)
        {
            var start = virtualRank * SampleCount / options.VirtualRankCount;
            var end = (virtualRank + 1) * SampleCount / options.VirtualRankCount;
            for (var first = start; first < end; first += options.MicroBatchSize)
            {
                var samples = new SampleRef[Math.Min(options.MicroBatchSize, end - first)];
                for (var i = 0; i < samples.Length; i++)
                    samples[i] = table.Find((long)((Int128)(first + i) * table.RowCount / SampleCount));
                yield return encoder.Encode((first - start) / options.MicroBatchSize, virtualRank, Epoch, samples, end - start, cancel);
            }
        }
    }
}
