using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// Forward and backward of one virtual rank's share of a step. Its result is a function of the weights, the leaf and the keys alone:
/// the dropout generator is seeded anew for every micro-batch, so no rank, world size or history enters.
/// </summary>
internal sealed class LeafGradient(JobSpec spec, KaleidoBert model, KaleidoParameters parameters, Device device)
{
    /// <summary>Leaves the leaf's gradient (times its samples) in the flat gradient buffer and its figures in <paramref name="sums"/>.</summary>
    /// <param name="step">The step, 1-based.</param>
    /// <param name="leaf">The leaf.</param>
    /// <param name="weights">What each task counts.</param>
    /// <param name="sums">Receives its figures.</param>
    /// <param name="segmentFinished">Called when a segment's gradients are final, that is in the last micro-batch's pass; see <see cref="SegmentedPass"/>.</param>
    /// <param name="enter">Called with "forward" and "backward" as these begin, for every micro-batch.</param>
    internal void Compute(long step, Leaf leaf, TaskWeights weights, TaskSums sums, Action<int>? segmentFinished = null, Action<string>? enter = null)
    {
        parameters.ZeroGradients();
        var scale = new LossScale(leaf.MaskedWeightSum, leaf.Count);
        for (var index = 0; index < leaf.MicroBatches.Count; index++)
        {
            enter?.Invoke("forward");
            using var scope = NewDisposeScope();
            manual_seed((long)(KeyedRandom.Key(spec.Seed, RandomPurpose.Dropout, (ulong)step, (ulong)leaf.VirtualRank, (ulong)index) >> 1));
            var inputs = BatchTensors.From(leaf.MicroBatches[index], spec.Model, device, weights).Compact();
            var isLast = index == leaf.MicroBatches.Count - 1;
            var losses = SegmentedPass.Run(model, inputs, scale, weights, isLast ? segmentFinished : null, () => enter?.Invoke("backward"));
            LossFigures.Add(sums, losses, leaf.MicroBatches[index], scale, weights);
        }
    }
}
