namespace KaleidoDist.Checkpoints;

/// <summary>Which rank writes which tensors. Pure: all ranks come to the same answer without asking one another.</summary>
public static class ShardDealing
{
    /// <summary>
    /// Deals pieces of known size to shards: the largest first, each to the shard that has least so far. No shard has more than an even share
    /// and the largest piece together.
    /// </summary>
    /// <param name="bytes">Sizes of the pieces, in an order that all ranks share; it settles ties.</param>
    /// <param name="shardCount">Number of shards, at least 1.</param>
    /// <returns>For each piece its shard, 0-based.</returns>
    public static IReadOnlyList<int> Deal(IReadOnlyList<long> bytes, int shardCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardCount, 1);
        var shardOf = new int[bytes.Count];
        var loads = new PriorityQueue<int, (long Bytes, int Shard)>(Enumerable.Range(0, shardCount).Select(shard => (shard, (0L, shard))));
        foreach (var piece in Enumerable.Range(0, bytes.Count).OrderByDescending(piece => bytes[piece]))
        {
            loads.TryDequeue(out var shard, out var load);
            shardOf[piece] = shard;
            loads.Enqueue(shard, (load.Bytes + bytes[piece], shard));
        }

        return shardOf;
    }
}
