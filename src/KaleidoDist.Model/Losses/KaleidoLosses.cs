using KaleidoDist.Contracts;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace KaleidoDist.Model;

/// <summary>
/// The seven losses of a micro-batch (KALEIDO-BERT section 2) and how many classifications were right. Tensors belong to the
/// caller's dispose scope.
/// </summary>
public sealed class KaleidoLosses
{
    private KaleidoLosses(Tensor perTask, Tensor correct)
    {
        Total = perTask.sum();
        PerTask = perTask.detach();
        Correct = correct;
    }

    /// <summary>Scalar: the unweighted sum of the seven; the one to call <c>backward()</c> on.</summary>
    public Tensor Total { get; }

    /// <summary>[7] float32 by <see cref="PretrainTask"/>, each this micro-batch's part of the leaf's loss.</summary>
    public Tensor PerTask { get; }

    /// <summary>[5] int64 right answers of the classification tasks, by <see cref="PretrainTask"/>; of masked slots for the first.</summary>
    public Tensor Correct { get; }

    /// <summary>Computes the losses of a forward pass.</summary>
    /// <param name="outputs">What the model said.</param>
    /// <param name="inputs">What it was asked, with the labels.</param>
    /// <param name="scale">Counts of the leaf.</param>
    public static KaleidoLosses Compute(KaleidoOutputs outputs, KaleidoInputs inputs, LossScale scale)
    {
        Tensor maskedIds = inputs.MaskedIds.flatten(), maskedWeights = inputs.MaskedWeights.flatten();
        if (inputs.MaskedSlots is { } slots)
            (maskedIds, maskedWeights) = (maskedIds.index_select(0, slots), maskedWeights.index_select(0, slots));

        var mlm = (functional.cross_entropy(outputs.MlmLogits, maskedIds, reduction: Reduction.None) * maskedWeights).sum() / (scale.MaskedWeights + LossScale.MaskedWeightOffset);
        Tensor Classify(Tensor logits, Tensor labels) => functional.cross_entropy(logits, labels, reduction: Reduction.Sum) / scale.Samples;
        Tensor Reconstruct(Tensor logits, Tensor targets) => Divergence(logits, targets) / (scale.Samples * logits.shape[1]);
        var losses = stack(
        [
            mlm,
            Classify(outputs.MatchLogits, inputs.MatchLabels),
            Classify(outputs.RotationLogits, inputs.RotationLabels),
            Classify(outputs.JigsawLogits, inputs.JigsawLabels),
            Classify(outputs.CamouflageLogits, inputs.CamouflageLabels),
            Reconstruct(outputs.GreyLogits, inputs.GreyTargets),
            Reconstruct(outputs.BlankLogits, outputs.BlankTargets),
        ]);

        return new KaleidoLosses(losses, stack(
        [
            Right(outputs.MlmLogits, maskedIds).logical_and(maskedWeights.gt(0)).sum(),
            Right(outputs.MatchLogits, inputs.MatchLabels).sum(),
            Right(outputs.RotationLogits, inputs.RotationLabels).sum(),
            Right(outputs.JigsawLogits, inputs.JigsawLabels).sum(),
            Right(outputs.CamouflageLogits, inputs.CamouflageLabels).sum(),
        ]));
    }

    /// <summary>Adds this micro-batch to running sums: losses by task [7], right answers by classification task [5].</summary>
    public void AddTo(Span<double> losses, Span<long> correct)
    {
        var values = PerTask.cpu().data<float>();
        for (var task = 0; task < PretrainTasks.Count; task++)
            losses[task] += values[task];
        var counts = Correct.cpu().data<long>();
        for (var task = 0; task < counts.Count; task++)
            correct[task] += counts[task];
    }

    private static Tensor Right(Tensor logits, Tensor labels) => logits.argmax(-1).eq(labels);

    // Sum of KL(softmax(targets) || softmax(logits)) over the last axis, in its stable form.
    private static Tensor Divergence(Tensor logits, Tensor targets)
    {
        var expected = functional.log_softmax(targets, -1);
        return (expected.exp() * (expected - functional.log_softmax(logits, -1))).sum();
    }
}
