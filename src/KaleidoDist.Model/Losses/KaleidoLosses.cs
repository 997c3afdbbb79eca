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
    private KaleidoLosses(Tensor perTask, Tensor total, Tensor correct)
    {
        Total = total;
        PerTask = perTask.detach();
        Correct = correct;
    }

    /// <summary>Scalar: the sum of the tasks that are on, each times its weight; the one to call <c>backward()</c> on.</summary>
    public Tensor Total { get; }

    /// <summary>[7] float32 by <see cref="PretrainTask"/>, each this micro-batch's part of the leaf's loss, without its weight; 0 of a task that is off.</summary>
    public Tensor PerTask { get; }

    /// <summary>[5] int64 right answers of the classification tasks, by <see cref="PretrainTask"/>; of masked slots for the first.</summary>
    public Tensor Correct { get; }

    /// <summary>Computes the losses of a forward pass.</summary>
    /// <param name="outputs">What the model said.</param>
    /// <param name="inputs">What it was asked, with the labels.</param>
    /// <param name="scale">Counts of the leaf.</param>
    /// <param name="weights">What each task counts, 0 for those that the patches do not have; null for all seven once.</param>
    public static KaleidoLosses Compute(KaleidoOutputs outputs, KaleidoInputs inputs, LossScale scale, TaskWeights? weights = null)
    {
        weights ??= TaskWeights.All;
        Tensor maskedIds = inputs.MaskedIds.flatten(), maskedWeights = inputs.MaskedWeights.flatten();
        if (inputs.MaskedSlots is { } slots)
            (maskedIds, maskedWeights) = (maskedIds.index_select(0, slots), maskedWeights.index_select(0, slots));

        Tensor Classify(Tensor? logits, Tensor labels) => functional.cross_entropy(logits!, labels, reduction: Reduction.Sum).Over(scale.Samples);
        Tensor Reconstruct(Tensor? logits, Tensor targets) => Divergence(logits!, targets).Over(scale.Samples * logits!.shape[1]);
        Tensor LossOf(PretrainTask task) => task switch
        {
            PretrainTask.Mlm => (functional.cross_entropy(outputs.MlmLogits, maskedIds, reduction: Reduction.None) * maskedWeights).sum().Over(scale.MaskedWeights + LossScale.MaskedWeightOffset),
            PretrainTask.Itm => Classify(outputs.MatchLogits, inputs.MatchLabels),
            PretrainTask.Rotation => Classify(outputs.RotationLogits, inputs.RotationLabels),
            PretrainTask.Jigsaw => Classify(outputs.JigsawLogits, inputs.JigsawLabels),
            PretrainTask.Camouflage => Classify(outputs.CamouflageLogits, inputs.CamouflageLabels),
            PretrainTask.Grey => Reconstruct(outputs.GreyLogits, inputs.GreyTargets),
            _ => Reconstruct(outputs.BlankLogits, outputs.BlankTargets),
        };

        // A task that is off is no part of the graph: its head gets no gradient, not even zeros times something that is not finite.
        var losses = stack([.. Enum.GetValues<PretrainTask>().Select(task => weights.IsOn(task) ? LossOf(task) : zeros([], device: outputs.Sequence.device))]);
        var total = weights.IsPlainSum ? losses.sum() : (losses * tensor([.. Enum.GetValues<PretrainTask>().Select(task => (float)weights[task])], device: losses.device)).sum();
        return new KaleidoLosses(losses, total, stack(
        [
            Right(outputs.MlmLogits, maskedIds).logical_and(maskedWeights.gt(Numbers.Zero)).sum(),
            Right(outputs.MatchLogits, inputs.MatchLabels).sum(),
            RightOf(outputs.RotationLogits, inputs.RotationLabels),
            RightOf(outputs.JigsawLogits, inputs.JigsawLabels),
            RightOf(outputs.CamouflageLogits, inputs.CamouflageLabels),
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

    private static Tensor RightOf(Tensor? logits, Tensor labels) => logits is null ? zeros_like(labels).sum() : Right(logits, labels).sum();

    private static Tensor Right(Tensor logits, Tensor labels) => logits.argmax(-1).eq(labels);

    // Sum of KL(softmax(targets) || softmax(logits)) over the last axis, in its stable form.
    private static Tensor Divergence(Tensor logits, Tensor targets)
    {
        var expected = functional.log_softmax(targets, -1);
        return (expected.exp() * (expected - functional.log_softmax(logits, -1))).sum();
    }
}
