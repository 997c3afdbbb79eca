using KaleidoDist.Contracts;

namespace KaleidoDist.Cli;

/// <summary>What a number of ranks means for a job.</summary>
/// <param name="WorldSize">Ranks, W.</param>
/// <param name="FewestVirtualRanks">Virtual ranks of the least loaded rank.</param>
/// <param name="MostVirtualRanks">Virtual ranks of the most loaded rank: it decides how long a step takes.</param>
/// <param name="FewestSamples">Samples of a full step on the least loaded rank.</param>
/// <param name="MostSamples">Samples of a full step on the most loaded rank.</param>
/// <param name="Balance">Share of the ranks' computing time that is not spent waiting for the most loaded rank, 0..1.</param>
/// <param name="MemoryPerRank">Memory of the rank that needs most.</param>
internal sealed record WorldPlan(
    int WorldSize, int FewestVirtualRanks, int MostVirtualRanks, int FewestSamples, int MostSamples, double Balance, MemoryEstimate MemoryPerRank)
{
    /// <summary>Plans one world size.</summary>
    internal static WorldPlan Of(JobSpec spec, DatasetPlan train, long bufferLength, int worldSize)
    {
        var training = spec.Training;
        var ranges = Enumerable.Range(0, worldSize).Select(r => VirtualRankRange.Of(r, worldSize, training.VirtualRanks)).ToList();
        int fewest = ranges.Min(r => r.Count), most = ranges.Max(r => r.Count);

        // The number of partial sums depends on where a range begins, so every range is looked at.
        var hungriest = ranges.Select(r => MemoryEstimate.Of(spec, train, bufferLength, worldSize, r)).MaxBy(m => m.TotalBytes)!;
        return new WorldPlan(
            worldSize,
            fewest,
            most,
            fewest * training.LeafSize,
            most * training.LeafSize,
            (double)training.VirtualRanks / (worldSize * most),
            hungriest);
    }
}
