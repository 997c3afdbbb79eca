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
    /// <param name="leafCount">Samples of the leaf: turns a mean over the leaf into a sum over samples.</param>
    internal static void Add(TaskSums sums, KaleidoLosses losses, MicroBatch batch, int leafCount)
    {
        Span<double> means = stackalloc double[PretrainTasks.Count];
        Span<long> correct = stackalloc long[PretrainTasks.Count];
        losses.AddTo(means, correct);
        for (var task = PretrainTask.Mlm; (int)task < PretrainTasks.Count; task++)
        {
            var answered = task == PretrainTask.Mlm ? batch.MaskedWeightSum : batch.Count;
            sums.Add(task, means[(int)task] * leafCount, correct[(int)task], answered);
        }

        sums.AddSamples(batch.Count, batch.ReplacedCount);
    }
}
