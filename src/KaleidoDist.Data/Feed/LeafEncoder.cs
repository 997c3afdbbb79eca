using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>Turns the samples of a plan into leaves: reads their row groups, encodes them, replaces those that do not decode.</summary>
internal sealed class LeafEncoder(ISampleEncoder encoder, RowGroupReader reader, BadRowLimit limit, ModelConfig model, int microBatchSize, ulong seed)
{
    /// <summary>Encodes a leaf.</summary>
    /// <param name="step">Global step.</param>
    /// <param name="virtualRank">Whose samples these are.</param>
    /// <param name="epoch">The epoch.</param>
    /// <param name="samples">The samples, in order; may be empty.</param>
    /// <param name="sliceLength">Samples of the virtual rank in the whole epoch.</param>
    /// <param name="cancel">Stops between samples.</param>
    public Leaf Encode(long step, int virtualRank, long epoch, ReadOnlySpan<SampleRef> samples, long sliceLength, CancellationToken cancel)
    {
        var batches = new List<MicroBatch>();
        for (var start = 0; start < samples.Length; start += microBatchSize)
        {
            var members = samples.Slice(start, Math.Min(microBatchSize, samples.Length - start));
            var batch = new MicroBatch(members.Length, model);
            for (var slot = 0; slot < members.Length; slot++)
            {
                cancel.ThrowIfCancellationRequested();
                Encode(members[slot], virtualRank, epoch, sliceLength, batch, slot, cancel);
            }

            batches.Add(batch);
        }

        return new Leaf(step, virtualRank, samples.Length, batches, batches.Sum(b => b.MaskedWeightSum), batches.Sum(b => b.ReplacedCount));
    }

    private void Encode(SampleRef sample, int virtualRank, long epoch, long sliceLength, MicroBatch batch, int slot, CancellationToken cancel)
    {
        var group = reader.ReadAsync(sample.Group, cancel).AsTask().GetAwaiter().GetResult();
        if (!encoder.TryEncode(group, sample.Row, epoch, batch, slot))
        {
            limit.Add(sample, virtualRank, epoch, sliceLength);
            Replace(group, sample, epoch, batch, slot);
            batch.ReplacedCount++;
        }

        // The slot stands for the plan's sample even when another row fills it: each sample counts exactly once in an epoch.
        batch.SampleIds[slot] = sample.SampleIndex;
    }

    /// <summary>Tries the other rows of the row group in an order keyed by the sample, until one decodes.</summary>
    private void Replace(RowGroup group, SampleRef sample, long epoch, MicroBatch batch, int slot)
    {
        var others = Enumerable.Range(0, group.Rows.Count).Where(row => row != sample.Row).ToArray();
        var random = new KeyedRandom(seed, RandomPurpose.Replacement, (ulong)epoch, (ulong)sample.SampleIndex);
        random.Shuffle<int>(others);
        foreach (var row in others)
        {
            if (encoder.TryEncode(group, row, epoch, batch, slot))
                return;
        }

        throw new KaleidoException($"Row group {group.GroupIndex} has {group.Rows.Count} rows and none of them decodes; expected at least 1. Run 'kaleido data inspect' on the data set.");
    }
}
