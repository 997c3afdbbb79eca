using System.Buffers.Binary;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// Gets the ranks of each host into one arena. The lowest rank of a host creates it and tells the others, over the mesh, where to open it;
/// then everybody tells everybody whether that worked. So all ranks of the group know the same, and where one rank of a host cannot map
/// the arena (it runs in another container), all ranks of that host do without.
/// </summary>
internal sealed class ArenaFormation(Membership membership, int rank, CanonicalTree tree, CollectiveOptions options, PeerMesh mesh)
{
    private const int ProcessIdOffset = SharedMemory.TokenBytes;
    private const int DescriptorOffset = ProcessIdOffset + sizeof(int);
    private const int InvitationBytes = DescriptorOffset + sizeof(int);

    /// <summary>Forms the arenas.</summary>
    /// <returns>Who shares memory with whom, and this rank's arena, if any; the caller owns it.</returns>
    /// <exception cref="FormationException">The options insist on shared memory and it cannot be had.</exception>
    public (HostMap Hosts, HostArena? Arena) Run()
    {
        var named = options.Transport == CollectiveTransport.Tcp ? HostMap.Apart(membership.WorldSize) : HostMap.Of(membership);
        if (options.Transport == CollectiveTransport.SharedMemory && named.Count > 1)
            throw Impossible($"the ranks are on {named.Count} hosts; expected one host, or transport Auto");
        if (named.IsApart)
            return (named, null);

        var arena = Enter(named);
        try
        {
            var answers = Gather([arena is null ? (byte)0 : (byte)1], 1);
            var hosts = named.Split(host => named.Ranks[host].All(member => named.Ranks[host].Length == 1 || answers[member] == 1));
            if (hosts.Count != named.Count && options.Transport != CollectiveTransport.Auto)
            {
                var unable = Enumerable.Range(0, answers.Length).Where(member => answers[member] == 0 && named.Ranks[named.Of(member)].Length > 1);
                throw Impossible($"ranks {string.Join(", ", unable)} cannot map their host's memory; expected one container per host, or transport Auto");
            }

            if (hosts.Ranks[hosts.Of(rank)].Length > 1)
                return (hosts, arena);
            arena?.Dispose();
            return (hosts, null);
        }
        catch
        {
            arena?.Dispose();
            throw;
        }
    }

    private HostArena? Enter(HostMap named)
    {
        var ranks = named.Ranks[named.Of(rank)];
        var isCreator = ranks[0] == rank && ranks.Length > 1;
        var blockCount = tree.Decompose(VirtualRankRange.Of(rank, membership.WorldSize, tree.LeafCount)).Length + 1;
        var invitation = new byte[InvitationBytes];
        HostArena? arena = null;
        if (isCreator)
        {
            arena = HostArena.TryCreate(0, ranks.Length, blockCount, invitation.AsSpan(0, SharedMemory.TokenBytes), out var descriptor);
            BinaryPrimitives.WriteInt32LittleEndian(invitation.AsSpan(ProcessIdOffset), Environment.ProcessId);
            BinaryPrimitives.WriteInt32LittleEndian(invitation.AsSpan(DescriptorOffset), arena is null ? -1 : descriptor);
        }

        ReadOnlySpan<byte> creators;
        try
        {
            creators = Gather(invitation, InvitationBytes).AsSpan(ranks[0] * InvitationBytes, InvitationBytes);
        }
        catch
        {
            arena?.Dispose();
            throw;
        }

        if (isCreator || ranks.Length == 1)
            return arena;
        var number = BinaryPrimitives.ReadInt32LittleEndian(creators[DescriptorOffset..]);
        return number < 0
            ? null
            : HostArena.TryOpen(
                BinaryPrimitives.ReadInt32LittleEndian(creators[ProcessIdOffset..]),
                number,
                creators[..SharedMemory.TokenBytes],
                ranks.IndexOf(rank),
                ranks.Length,
                blockCount);
    }

    private byte[] Gather(ReadOnlySpan<byte> mine, int byteCount)
    {
        var all = new byte[byteCount * membership.WorldSize];
        using var exchange = new AllGatherExchange(rank, membership.WorldSize);
        exchange.Prepare(mine);
        mesh.Run(exchange);
        exchange.CopyTo(all);
        return all;
    }

    private FormationException Impossible(string why)
        => new($"Generation {membership.Generation} cannot use transport {options.Transport}: {why}.", membership.Generation);
}
