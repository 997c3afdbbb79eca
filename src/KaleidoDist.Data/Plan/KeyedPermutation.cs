using System.Numerics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// A permutation of [0, n) as a pure function of a key: an alternating Feistel network over the smallest power of two that holds n,
/// with cycle walking back into [0, n) (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). O(1) memory and expected
/// O(1) time in both directions, so no order of an epoch is ever stored. Not for secrets.
/// </summary>
public readonly struct KeyedPermutation
{
    /// <summary>Rounds of the network. Part of the order: another number is another <see cref="EpochPlan.OrderVersion"/>.</summary>
    private const int RoundCount = 8;

    private readonly ulong key;
    private readonly int lowBits;
    private readonly ulong lowMask;
    private readonly ulong highMask;

    /// <summary>The permutation of [0, <paramref name="count"/>) that belongs to <paramref name="key"/>.</summary>
    /// <param name="count">n, at least 1.</param>
    /// <param name="key">From <see cref="KeyedRandom.Key"/>.</param>
    public KeyedPermutation(long count, ulong key)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Count = count;
        this.key = key;
        var bits = 64 - BitOperations.LeadingZeroCount((ulong)(count - 1));
        lowBits = (bits + 1) / 2;
        lowMask = (1UL << lowBits) - 1;
        highMask = (1UL << (bits - lowBits)) - 1;
    }

    /// <summary>n: how many numbers are permuted.</summary>
    public long Count { get; }

    /// <summary>Where <paramref name="index"/> goes.</summary>
    public long Forward(long index)
    {
        ThrowIfOutside(index);
        do
            index = Encrypt(index);
        while (index >= Count);
        return index;
    }

    /// <summary>What went to <paramref name="index"/>: the inverse of <see cref="Forward"/>.</summary>
    public long Inverse(long index)
    {
        ThrowIfOutside(index);
        do
            index = Decrypt(index);
        while (index >= Count);
        return index;
    }

    private long Encrypt(long index)
    {
        var (high, low) = Split(index);
        for (var round = 0; round < RoundCount; round += 2)
        {
            low ^= Mix(round, high) & lowMask;
            high ^= Mix(round + 1, low) & highMask;
        }

        return Join(high, low);
    }

    private long Decrypt(long index)
    {
        var (high, low) = Split(index);
        for (var round = RoundCount - 2; round >= 0; round -= 2)
        {
            high ^= Mix(round + 1, low) & highMask;
            low ^= Mix(round, high) & lowMask;
        }

        return Join(high, low);
    }

    private ulong Mix(int round, ulong half) => KeyedRandom.Mix(KeyedRandom.Mix(key + (ulong)round) ^ half);

    private (ulong High, ulong Low) Split(long index) => ((ulong)index >> lowBits, (ulong)index & lowMask);

    private long Join(ulong high, ulong low) => (long)((high << lowBits) | low);

    private void ThrowIfOutside(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
    }
}
