using KaleidoDist.Contracts;

namespace KaleidoDist.Training;

/// <summary>
/// A micro-batch of the job's own data, read, encoded, run forward and backward, and thrown away: what a process does for the first time takes
/// many times as long, and in a joiner's first step all its peers would wait for that. A joiner whose machine lacks the data ends here, where
/// it costs the job nothing.
/// </summary>
internal static class Rehearsal
{
    private const long Step = 1;

    /// <summary>Rehearses on a replica without a state: its weights are whatever they are, its gradients are overwritten by the first step.</summary>
    /// <exception cref="KaleidoException">Data cannot be read.</exception>
    internal static void Run(TrainerSetup setup, ReplicaState state)
    {
        var spec = setup.Spec;
        using var feed = setup.CreateFeed(new VirtualRankRange(0, 1), startStep: 0, endStep: Step);
        if (feed.Next() is not { MicroBatches: [var first, ..] } leaf)
            return;
        var gradient = new LeafGradient(spec, state.Model, state.Parameters, state.Device);
        gradient.Compute(Step, leaf with { MicroBatches = [first] }, LossWeights.Of(spec.Training, state.History), new TaskSums());
        state.PullGradients();
    }
}
