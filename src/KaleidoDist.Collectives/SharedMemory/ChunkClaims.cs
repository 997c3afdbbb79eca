namespace KaleidoDist.Collectives;

/// <summary>
/// Who sums which chunk of a call that all ranks can reach in shared memory. Every rank begins with its own part of the chunks, whose pages
/// and cache lines it had last time too, and then takes over what others have not come to yet.
/// </summary>
internal sealed class ChunkClaims(HostArena arena, int place)
{
    private long chunkCount;
    private int visited; // Ranks, from this one on, whose part is all claimed.

    /// <summary>Starts a round of <paramref name="count"/> chunks. The arena's counters are 0: the meeting before has seen to that.</summary>
    public void Begin(long count)
    {
        chunkCount = count;
        visited = 0;
    }

    /// <summary>Claims a chunk.</summary>
    /// <returns>Its number, 0-based; -1 when all are claimed.</returns>
    public long Next()
    {
        for (; visited < arena.RankCount; visited++)
        {
            var owner = (place + visited) % arena.RankCount;
            var chunk = FirstOf(owner) + Interlocked.Increment(ref arena.ClaimsOf(owner)) - 1;
            if (chunk < FirstOf(owner + 1))
                return chunk;
        }

        return -1;
    }

    private long FirstOf(int owner) => chunkCount * owner / arena.RankCount;
}
