using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace KaleidoDist.Data.Tests;

/// <summary>All numbers of one slot of a micro-batch.</summary>
internal static class EncodedSlot
{
    /// <summary>A hash over every array's part of the slot, which differs when one bit differs.</summary>
    public static UInt128 Hash(MicroBatch batch, int slot)
    {
        var hash = new XxHash128();
        foreach (var values in new[]
        {
            batch.SampleIds, batch.InputIds, batch.InputMask, batch.MaskedPositions, batch.MaskedIds, batch.MatchLabels, batch.RotationLabels,
            batch.JigsawLabels, batch.CamouflageLabels, batch.GreyPositions, batch.BlankPositions,
        })
            Append(hash, values, batch.Count, slot);
        foreach (var values in new[] { batch.MaskedWeights, batch.Patches, batch.Positions, batch.GreyTargets, batch.BlankTargets })
            Append(hash, values, batch.Count, slot);
        return hash.GetCurrentHashAsUInt128();
    }

    private static void Append<T>(XxHash128 hash, T[] values, int count, int slot)
        where T : unmanaged
        => hash.Append(MemoryMarshal.AsBytes(values.AsSpan(values.Length / count * slot, values.Length / count)));
}
