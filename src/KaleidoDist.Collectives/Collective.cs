using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>Forms the group of a generation with the transport that fits it.</summary>
public static class Collective
{
    /// <summary>
    /// Forms the group of <paramref name="membership"/>; returns when this rank is connected with all others. Ranks whose
    /// <see cref="RankMember.Host"/> is the same share a machine.
    /// </summary>
    /// <param name="membership">The generation, with the endpoints that the ranks' listeners published.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="listener">This rank's listener. The caller keeps it, for the next generation.</param>
    /// <param name="options">The same on all ranks where they say so.</param>
    /// <param name="cancellation">Gives up, for example because a newer generation is known.</param>
    /// <exception cref="FormationException">A peer did not come in time, or refused this rank for good.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up.</exception>
    public static ICollective Form(
        Membership membership, int rank, DataPlaneListener listener, CollectiveOptions options, CancellationToken cancellation)
        => membership.WorldSize == 1
            ? new SingleRankCollective(membership, options.VirtualRankCount)
            : GroupCollective.Form(membership, rank, listener, options, cancellation);
}
