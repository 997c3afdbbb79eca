using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;

namespace KaleidoDist.Training;

/// <summary>One way to reduce the gradients of a step.</summary>
/// <param name="Name">As tables show it.</param>
/// <param name="Group">The collectives.</param>
/// <param name="Overlap">Whether gradients travel while the rest of them is computed.</param>
public sealed record StepWay(string Name, ICollective Group, bool Overlap);

/// <summary>
/// Steps of one rank on synthetic samples, each in the way it is told: so ways can be compared in turns of one run. The same computation as a
/// training step, without data, figures and reports. Owned by the rank thread.
/// </summary>
public sealed class StepProbe : IDisposable
{
    private readonly JobSpec spec;
    private readonly ReplicaState state;
    private readonly StepUpdate update;
    private readonly TimeProvider time;
    private readonly Leaf[] leaves;
    private readonly GradientReduction[] reductions;
    private readonly IReadOnlyList<StepWay> ways;

    /// <summary>Prepares the steps of a rank; the groups stay the caller's.</summary>
    public StepProbe(JobSpec spec, IReadOnlyList<StepWay> ways, TimeProvider time)
    {
        (this.spec, this.ways, this.time) = (spec, ways, time);
        state = ReplicaState.Create(spec);
        update = new StepUpdate(spec, spec.Training.Steps!.Value);
        var hosted = VirtualRankRange.Of(ways[0].Group.Rank, ways[0].Group.WorldSize, spec.Training.VirtualRanks);
        leaves = [.. Enumerable.Range(hosted.First, hosted.Count).Select(virtualRank => SyntheticLeaf.Of(spec, virtualRank))];
        reductions = [.. ways.Select(way => new GradientReduction(spec with { Training = spec.Training with { Overlap = way.Overlap } }, state, way.Group))];
    }

    /// <summary>Does one step in the way of this number, together with all other ranks.</summary>
    /// <returns>Where its time went; the reduction is what was left of it after the computation, waiting for slower ranks included.</returns>
    public StepTimes Run(int way)
    {
        ways[way].Group.Barrier();
        var gradients = reductions[way];
        var begin = time.GetTimestamp();
        gradients.Reset();
        var (step, sums) = (state.Step + 1, new TaskSums());
        foreach (var leaf in leaves)
            gradients.Add(step, leaf, sums);
        var compute = time.GetElapsedTime(begin);
        gradients.Finish();
        var reduce = time.GetElapsedTime(begin) - compute;
        // The figures do not travel here: every rank knows how many samples all of them had.
        var all = new TaskSums();
        all.AddSamples(spec.Training.GlobalBatchSize, replaced: 0);
        update.Apply(state, step, all);
        return new StepTimes(TimeSpan.Zero, compute, reduce, time.GetElapsedTime(begin));
    }

    /// <summary>Values of the gradient.</summary>
    public long GradientCount => state.Parameters.Layout.Length;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var reduction in reductions)
            reduction.Dispose();
        state.Dispose();
    }
}
