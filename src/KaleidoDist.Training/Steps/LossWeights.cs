using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// What each task counts in the next step. Adaptive weights (FashionBERT, Gao et al., SIGIR 2020, section 3.4): with n = softmax(losses)^2 over the K tasks that are on,
/// w_i is proportional to the product of (K - n_j) over all other j, and the w_i sum to 1; so the task with the largest loss counts most.
/// </summary>
/// <remarks>
/// The losses are the step before's, reduced over all ranks: every rank has the same bits at any world size, also one that joined, resumed or does the
/// step again. The first step has none and counts all alike.
/// </remarks>
internal static class LossWeights
{
    // Weights are multiples of this: exponentials differ in the last bit between processors, and the rounding hides it.
    private const double Grain = 1.0 / (1 << 16);

    /// <summary>The weights of the step after <paramref name="history"/>.</summary>
    internal static TaskWeights Of(TrainingSpec training, ReplicaHistory history)
        => training.LossWeighting == LossWeighting.Fixed ? training.Tasks : Adapt(training.Tasks, [.. history.Losses]);

    /// <summary>Adaptive weights, each times the weight that was chosen for its task.</summary>
    /// <param name="chosen">The specification's; 0 for a task that is off.</param>
    /// <param name="losses">By task.</param>
    internal static TaskWeights Adapt(TaskWeights chosen, IReadOnlyList<double> losses)
    {
        PretrainTask[] tasks = [.. chosen.Tasks];
        if (!tasks.All(task => double.IsFinite(losses[(int)task])))
            return TaskWeights.Of(task => chosen[task] / tasks.Length);
        var largest = tasks.Max(task => losses[(int)task]);
        var powers = tasks.Select(task => Math.Exp(losses[(int)task] - largest)).ToArray();
        var left = powers.Select(power => tasks.Length - Math.Pow(power / powers.Sum(), 2)).ToArray();
        var products = tasks.Select((_, i) => left.Where((_, j) => j != i).Aggregate(1.0, (product, factor) => product * factor)).ToArray();
        return TaskWeights.Of(task => Array.IndexOf(tasks, task) is >= 0 and var i ? chosen[task] * Rounded(products[i] / products.Sum()) : 0);
    }

    private static double Rounded(double weight) => Math.Max(Grain, Math.Round(weight / Grain) * Grain);
}
