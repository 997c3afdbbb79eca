using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;

namespace KaleidoDist.Training;

/// <summary>
/// From the leaves a rank hosts to the sum over all leaves of all ranks, which ends in the flat gradient buffer. Leaves are added as
/// they are computed. With overlap, the last leaf's gradient is taken bucket by bucket while backward goes on, and each bucket sets out at once;
/// without, everything sets out when the last leaf is in. The bits are the same.
/// </summary>
internal sealed class GradientReduction : IDisposable
{
    private readonly ReplicaState state;
    private readonly ICollective collective;
    private readonly LeafGradient leafGradient;
    private readonly LeafAccumulator accumulator;
    private readonly GradientBuckets? buckets; // Null without overlap.
    private readonly FloatRange gradient; // Where leaves are taken from, and where their sum goes.
    private readonly CudaMemory? memory; // Null where gradients are reduced in host memory.
    private readonly TrainingSpec training;
    private readonly int lastLeaf;
    private readonly Queue<Reduction> underWay = [];

    internal GradientReduction(JobSpec spec, ReplicaState state, ICollective collective)
        : this(spec, state, collective, (collective as NcclCollective)?.Memory, GradientBuckets.DefaultCount)
    {
    }

    /// <summary>The reduction in <paramref name="memory"/>, where gradients lie in a GPU's memory that the collective reduces; else in the host's.</summary>
    internal GradientReduction(JobSpec spec, ReplicaState state, ICollective collective, CudaMemory? memory, long bucketCount)
    {
        (this.state, this.collective, this.memory, training) = (state, collective, memory, spec.Training);
        leafGradient = new LeafGradient(spec, state.Model, state.Parameters, state.Device);
        gradient = memory?.Adopt(state.Parameters.Gradients) ?? state.HostGradients;
        var length = state.Parameters.Layout.Length;
        accumulator = memory is null ? new LeafAccumulator(collective, length) : new LeafAccumulator(collective, memory, length);
        lastLeaf = VirtualRankRange.Of(collective.Rank, collective.WorldSize, spec.Training.VirtualRanks).End - 1;
        if (spec.Training.Overlap && collective.WorldSize > 1)
            buckets = new GradientBuckets(new KaleidoSegments(spec.Model, state.Parameters.Layout), state.Parameters.Layout, bucketCount);
    }

    /// <summary>Forgets the step before, also one that was not finished.</summary>
    internal void Reset()
    {
        Drain();
        accumulator.Reset();
    }

    /// <summary>Computes the next leaf's gradient and adds it; its figures go to <paramref name="sums"/>.</summary>
    /// <param name="step">The step, 1-based.</param>
    /// <param name="leaf">The leaf.</param>
    /// <param name="sums">Receives its figures.</param>
    /// <param name="enter">Called with "forward" and "backward" as these begin, for every micro-batch.</param>
    internal void Add(long step, Leaf leaf, TaskSums sums, Action<string>? enter = null)
    {
        var weights = LossWeights.Of(training, state.History);
        if (buckets is null || leaf.VirtualRank != lastLeaf)
        {
            leafGradient.Compute(step, leaf, weights, sums, enter: enter);
            if (memory is null)
                state.PullGradients();
            accumulator.Add(gradient);
            return;
        }

        try
        {
            accumulator.BeginLeaf();
            leafGradient.Compute(step, leaf, weights, sums, segment => SendOff(buckets.FinishedBy(segment)), enter);
            // A leaf without samples runs no backward pass: its zeros are final as they are.
            for (var segment = buckets.SegmentCount - 1; leaf.MicroBatches.Count == 0 && segment >= 0; segment--)
                SendOff(buckets.FinishedBy(segment));
            accumulator.EndLeaf();
        }
        catch (Exception error) when (underWay.Count > 0)
        {
            // Peers wait for buckets that will never come, and the collective reads memory that is about to go.
            collective.Abort(error);
            Drain();
            throw;
        }
    }

    /// <summary>Returns when the sum over all leaves is on the device.</summary>
    internal void Finish()
    {
        if (buckets is null)
            collective.AllReduce(accumulator.Partials, gradient);
        while (underWay.TryDequeue(out var reduction))
            reduction.Wait();
        if (memory is null)
            state.PushGradients();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Drain();
        accumulator.Dispose();
        memory?.Release(state.Parameters.Gradients);
    }

    private void SendOff(IReadOnlyList<GradientBucket> finished)
    {
        foreach (var (offset, count) in finished)
        {
            if (memory is null)
                state.PullGradients(offset, count);
            accumulator.AddRange(gradient, offset, count);
            underWay.Enqueue(collective.BeginAllReduce(accumulator.PartialsOf(offset, count), gradient.Slice(offset, count)));
        }
    }

    /// <summary>Waits until the collective leaves this rank's memory alone, well or not.</summary>
    private void Drain()
    {
        while (underWay.TryDequeue(out var reduction))
        {
            try
            {
                reduction.Wait();
            }
            catch (CollectiveException)
            {
                // Known already: this runs on the way out.
            }
        }
    }
}
