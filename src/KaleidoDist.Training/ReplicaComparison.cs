using System.Buffers.Binary;
using KaleidoDist.Collectives;

namespace KaleidoDist.Training;

/// <summary>Compares the ranks' replicas of the weights and moments by hash: memory that lost a bit is named before it is saved.</summary>
internal static class ReplicaComparison
{
    /// <summary>Ranks whose hash differs from the most frequent one (ties: from the lowest rank's). Collective: every rank calls it.</summary>
    internal static IReadOnlyList<int> FindOddRanks(ReplicaState state, ICollective collective)
    {
        if (collective.WorldSize == 1)
            return [];
        var mine = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(mine, state.ReplicaHash());
        var all = new byte[sizeof(ulong) * collective.WorldSize];
        collective.AllGather(mine, all);
        var hashes = Enumerable.Range(0, collective.WorldSize).Select(r => BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(r * sizeof(ulong)))).ToList();
        var majority = hashes.GroupBy(h => h).OrderByDescending(g => g.Count()).ThenBy(g => hashes.IndexOf(g.Key)).First().Key;
        return [.. Enumerable.Range(0, hashes.Count).Where(r => hashes[r] != majority)];
    }
}
