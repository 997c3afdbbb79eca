namespace KaleidoDist.Contracts;

/// <summary>One rank of a generation.</summary>
/// <param name="Rank">0-based.</param>
/// <param name="WorkerId">The agent that runs it.</param>
/// <param name="Host">Machine name; ranks of one host may share memory.</param>
/// <param name="Endpoint">host:port of its data plane.</param>
public sealed record RankMember(int Rank, string WorkerId, string Host, string Endpoint);

/// <summary>
/// Who takes part in a job's generation. Immutable, replaced whole; every message and connection carries
/// <see cref="Generation"/>, and older ones are refused.
/// </summary>
/// <param name="JobId">The job.</param>
/// <param name="Generation">Version of the membership, from 1.</param>
/// <param name="Members">By rank, without holes.</param>
/// <param name="SessionKey">Key of the HMAC hello of data-plane connections, 32 bytes.</param>
public sealed record Membership(string JobId, long Generation, IReadOnlyList<RankMember> Members, ReadOnlyMemory<byte> SessionKey)
{
    /// <summary>Number of ranks, W.</summary>
    public int WorldSize => Members.Count;
}

/// <summary>The virtual ranks a rank hosts: the contiguous range [r*V/W, (r+1)*V/W).</summary>
/// <param name="First">First virtual rank.</param>
/// <param name="Count">Number of virtual ranks, at least one while W is at most V.</param>
public readonly record struct VirtualRankRange(int First, int Count)
{
    /// <summary>One past the last virtual rank.</summary>
    public int End => First + Count;

    /// <summary>The range of rank <paramref name="rank"/> of <paramref name="worldSize"/> over <paramref name="virtualRankCount"/>.</summary>
    public static VirtualRankRange Of(int rank, int worldSize, int virtualRankCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(worldSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(worldSize, virtualRankCount);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        var first = (int)((long)rank * virtualRankCount / worldSize);
        var end = (int)((long)(rank + 1) * virtualRankCount / worldSize);
        return new VirtualRankRange(first, end - first);
    }
}
