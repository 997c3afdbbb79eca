using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;

namespace KaleidoDist.Training;

/// <summary>Takes the figures of a micro-batch off the device.</summary>
internal static class LossFigures
{
    /// <summary>Adds a micro-batch's losses (its parts of the leaf's means) and right answers.</summary>
    /// <param name="sums">Where to.</param>
    /// <param name="losses">The micro-batch's.</param>
    /// <param name="batch">Its inputs.</param>
    /// <param name="scale">Counts of the leaf: its samples turn a mean over the leaf into a sum over samples.</param>
    /// <param name="tasks">The tasks that are on; of the others nothing is added.</param>
    internal static void Add(TaskSums sums, KaleidoLosses losses, MicroBatch batch, LossScale scale, TaskWeights tasks)
    {
        Span<double> means = stackalloc double[PretrainTasks.Count];
        Span<long> correct = stackalloc long[PretrainTasks.Count];
        losses.AddTo(means, correct);
        foreach (var task in tasks.Tasks)
        {
            var answered = task == PretrainTask.Mlm ? batch.MaskedWeightSum : batch.Count;
            sums.Add(task, means[(int)task] * scale.Samples, correct[(int)task], answered);
        }

        sums.AddSamples(batch.Count, batch.ReplacedCount, withTokens: scale.MaskedWeights > 0);
    }
}
