using System.Runtime.CompilerServices;

namespace KaleidoDist.Contracts;

/// <summary>What a stream of random numbers is for: streams of different purposes never share numbers.</summary>
public enum RandomPurpose : uint
{
    /// <summary>Initial weights; keyed by parameter index.</summary>
    Initialization = 1,

    /// <summary>Order of row groups; keyed by epoch.</summary>
    RowGroupOrder = 2,

    /// <summary>Order inside a window; keyed by epoch, virtual rank and window.</summary>
    WindowOrder = 3,

    /// <summary>Corruptions of one sample; keyed by epoch and sample.</summary>
    Corruption = 4,

    /// <summary>Dropout masks; keyed by step, virtual rank and micro-batch.</summary>
    Dropout = 5,

    /// <summary>Which row replaces one that does not decode; keyed by epoch and sample.</summary>
    Replacement = 6,

    /// <summary>Preparation of a data set (split, shuffle on write).</summary>
    Import = 7,
}

/// <summary>
/// Random numbers as a pure function of (seed, purpose, three keys): Philox4x32-10 (Salmon et al., SC 2011). The same keys give
/// the same numbers on every rank, process and machine. A mutable struct: pass it by reference.
/// </summary>
public struct KeyedRandom
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int RoundCount = 10;

    private readonly ulong key;
    private ulong block;
    private uint r0, r1, r2, r3;
    private int left;

    /// <summary>Starts the stream of these keys at its first number.</summary>
    public KeyedRandom(ulong seed, RandomPurpose purpose, ulong first = 0, ulong second = 0, ulong third = 0)
        => key = Key(seed, purpose, first, second, third);

    /// <summary>The 64-bit key of a stream: also the seed handed to generators that are not ours (libtorch's, for dropout).</summary>
    public static ulong Key(ulong seed, RandomPurpose purpose, ulong first = 0, ulong second = 0, ulong third = 0)
        => Mix(Mix(Mix(Mix(Mix(seed) ^ (uint)purpose) ^ first) ^ second) ^ third);

    /// <summary>The next 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (left == 0)
            Refill();
        return left-- switch { 4 => r0, 3 => r1, 2 => r2, _ => r3 };
    }

    /// <summary>The next 64 random bits.</summary>
    public ulong NextUInt64() => ((ulong)NextUInt32() << 32) | NextUInt32();

    /// <summary>Uniform in [0, 1), 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [0, <paramref name="bound"/>), without bias (Lemire, 2019).</summary>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var product = (ulong)NextUInt32() * (uint)bound;
        if ((uint)product < (uint)bound)
        {
            var threshold = unchecked((uint)-bound) % (uint)bound;
            while ((uint)product < threshold)
                product = (ulong)NextUInt32() * (uint)bound;
        }

        return (int)(product >> 32);
    }

    /// <summary>Permutes <paramref name="values"/> uniformly (Fisher-Yates).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>Finaliser of SplitMix64: a bijection of 64-bit values that spreads every input bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong value)
    {
        unchecked
        {
            value += 0x9E3779B97F4A7C15;
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }

    private void Refill()
    {
        unchecked
        {
            uint c0 = (uint)block, c1 = (uint)(block >> 32), c2 = 0, c3 = 0;
            uint k0 = (uint)key, k1 = (uint)(key >> 32);
            for (var round = 0; round < RoundCount; round++)
            {
                var p0 = (ulong)Multiplier0 * c0;
                var p1 = (ulong)Multiplier1 * c2;
                (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
                k0 += Weyl0;
                k1 += Weyl1;
            }

            (r0, r1, r2, r3) = (c0, c1, c2, c3);
            block++;
        }

        left = 4;
    }
}
