using KaleidoDist.Contracts;
using KaleidoDist.Model;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// One forward and backward pass in segments: at every border the forward pass goes on from a copy of the hidden states that the graph does not
/// reach across, and backward runs from the heads to the embeddings, each segment beginning with the gradient of its border. The same additions in
/// the same order as one backward pass over the whole graph, so the same bits; but between two segments it is known which gradients are final.
/// </summary>
internal static class SegmentedPass
{
    /// <summary>Runs a micro-batch; its gradients are added to the flat buffer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputs">The micro-batch.</param>
    /// <param name="scale">Counts of the leaf.</param>
    /// <param name="weights">What each task counts.</param>
    /// <param name="segmentFinished">Called with each segment's number when backward has left it, from the heads (L + 1) to the embeddings (0).</param>
    /// <param name="backwardBegins">Called between the forward and the backward pass.</param>
    /// <returns>The losses; like all tensors of the pass they belong to the caller's dispose scope.</returns>
    internal static KaleidoLosses Run(KaleidoBert model, KaleidoInputs inputs, LossScale scale, TaskWeights weights, Action<int>? segmentFinished = null, Action? backwardBegins = null)
    {
        // Forward: ends[s] is what segment s yields, begins[s] what segment s + 1 goes on from.
        int layers = model.Config.LayerCount;
        Tensor[] ends = new Tensor[layers + 1], begins = new Tensor[layers + 1];
        var mask = model.AttentionMask(inputs);
        (ends[0], var blankTargets) = model.Embed(inputs, training: true);
        begins[0] = Cut(ends[0]);
        for (var layer = 0; layer < layers; layer++)
        {
            ends[layer + 1] = model.Encode(layer, begins[layer], mask, training: true);
            begins[layer + 1] = Cut(ends[layer + 1]);
        }

        var losses = KaleidoLosses.Compute(model.Predict(begins[layers], inputs, blankTargets), inputs, scale, weights);

        backwardBegins?.Invoke();
        losses.Total.Times(scale.Samples).backward();
        segmentFinished?.Invoke(layers + 1);
        for (var segment = layers; segment >= 0; segment--)
        {
            ends[segment].backward([begins[segment].grad!]);
            segmentFinished?.Invoke(segment);
        }

        return losses;
    }

    private static Tensor Cut(Tensor hidden) => hidden.detach().requires_grad_(true);
}
