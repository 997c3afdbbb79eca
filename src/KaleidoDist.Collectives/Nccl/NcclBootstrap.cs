using System.Buffers.Binary;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// What ranks tell each other over the control group before they form a communicator: the version of their NCCL, which GPU they have, and
/// rank 0's unique id. A block of every rank: int32 version (0 for none), 16 bytes of device identity, 128 bytes of id.
/// </summary>
internal static class NcclBootstrap
{
    /// <summary>Length of a device's identity.</summary>
    public const int DeviceIdByteCount = 16;

    private const int BlockByteCount = sizeof(int) + DeviceIdByteCount + NcclUniqueId.ByteCount;

    /// <summary>Exchanges the blocks and checks that all ranks can form one communicator.</summary>
    /// <param name="control">The control group.</param>
    /// <param name="version">Version code of this rank's NCCL; 0 when it has none, so that the others learn of it.</param>
    /// <param name="deviceId">This rank's GPU.</param>
    /// <param name="ownId">Used of rank 0 alone.</param>
    /// <returns>Rank 0's id.</returns>
    /// <exception cref="KaleidoException">A rank has no NCCL, or another version, or another rank's GPU.</exception>
    public static NcclUniqueId Exchange(ICollective control, int version, ReadOnlySpan<byte> deviceId, NcclUniqueId ownId)
    {
        var mine = new byte[BlockByteCount];
        BinaryPrimitives.WriteInt32LittleEndian(mine, version);
        deviceId.CopyTo(mine.AsSpan(sizeof(int), DeviceIdByteCount));
        ownId.ToBytes().CopyTo(mine, sizeof(int) + DeviceIdByteCount);
        var all = new byte[BlockByteCount * control.WorldSize];
        control.AllGather(mine, all);

        var blocks = all.Chunk(BlockByteCount).ToArray();
        RequireOneVersion([.. blocks.Select(block => BinaryPrimitives.ReadInt32LittleEndian(block))]);
        RequireOneGpuEach([.. blocks.Select(block => Convert.ToHexStringLower(block, sizeof(int), DeviceIdByteCount))]);
        return NcclUniqueId.Of(blocks[0].AsSpan(sizeof(int) + DeviceIdByteCount));
    }

    private static void RequireOneVersion(int[] versions)
    {
        var groups = versions.Index().GroupBy(rank => rank.Item).ToArray();
        if (groups.Length == 1 && versions[0] != 0)
            return;
        var found = string.Join(", ", groups.Select(group =>
            $"{Ranks(group.Select(rank => rank.Index))} {(group.Key == 0 ? "without any" : $"with {NcclLibrary.Text(group.Key)}")}"));
        throw KaleidoException.Usage($"The ranks have different NCCL libraries: {found}; expected one version on all. Install the same NCCL on all machines, or let {NcclLibrary.PathVariable} name it.");
    }

    private static void RequireOneGpuEach(string[] devices)
    {
        var shared = devices.Index().GroupBy(rank => rank.Item, rank => rank.Index).FirstOrDefault(group => group.Count() > 1);
        if (shared is not null)
            throw KaleidoException.Usage($"{Ranks(shared)} use the same GPU ({shared.Key}); expected one for each. Offer no more slots than a machine has GPUs, or give each rank its own CUDA_VISIBLE_DEVICES.");
    }

    private static string Ranks(IEnumerable<int> ranks)
    {
        var numbers = ranks.ToArray();
        return $"{(numbers.Length == 1 ? "rank" : "ranks")} {string.Join(", ", numbers)}";
    }
}
