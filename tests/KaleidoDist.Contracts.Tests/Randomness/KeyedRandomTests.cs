namespace KaleidoDist.Contracts.Tests;

public sealed class KeyedRandomTests
{
    [Theory]
    [InlineData(0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [InlineData(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void TheReferenceOfTheseTestsIsPhilox(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, string expected)
        => Assert.Equal(expected, string.Join(' ', Philox([c0, c1, c2, c3], [k0, k1]).Select(v => $"{v:x8}")));

    [Fact]
    public void TheStreamOfKeyZeroBeginsWithTheKnownAnswer()
    {
        // Undoes the key's last mixing: a third key that makes the whole key zero.
        var third = Mix4(5, RandomPurpose.Import, 6, 7) ^ unchecked(0UL - 0x9E3779B97F4A7C15);
        Assert.Equal(0UL, KeyedRandom.Key(5, RandomPurpose.Import, 6, 7, third));
        var random = new KeyedRandom(5, RandomPurpose.Import, 6, 7, third);
        Assert.Equal([0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u], Take(ref random, 4));
    }

    [Fact]
    public void AStreamIsPhiloxOfItsKeyAndACounterOfBlocks()
    {
        var key = KeyedRandom.Key(42, RandomPurpose.Corruption, 3, 12345);
        var random = new KeyedRandom(42, RandomPurpose.Corruption, 3, 12345);
        var expected = Enumerable.Range(0, 50).SelectMany(block => Philox([(uint)block, 0, 0, 0], [(uint)key, (uint)(key >> 32)])).ToArray();
        Assert.Equal(expected, Take(ref random, 200));
    }

    [Theory]
    [InlineData(0x0000000000000000UL, 0xE220A8397B1DCDAFUL)]
    [InlineData(0x9E3779B97F4A7C15UL, 0x6E789E6AA1B965F4UL)]
    [InlineData(0x3C6EF372FE94F82AUL, 0x06C45D188009454FUL)]
    public void MixingIsSplitMix64(ulong state, ulong output) => Assert.Equal(output, KeyedRandom.Mix(state));

    [Fact]
    public void EveryPartOfTheKeyChangesTheStream()
    {
        ulong[] keys =
        [
            .. Enum.GetValues<RandomPurpose>().Select(p => KeyedRandom.Key(1, p, 2, 3, 4)),
            KeyedRandom.Key(2, RandomPurpose.Corruption, 2, 3, 4),
            KeyedRandom.Key(1, RandomPurpose.Corruption, 3, 2, 4),
            KeyedRandom.Key(1, RandomPurpose.Corruption, 2, 4, 3),
            KeyedRandom.Key(1, RandomPurpose.Corruption, 2, 3, 5),
            KeyedRandom.Key(1, RandomPurpose.Corruption),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void StreamsOfTwoPurposesAgreeInHalfOfTheirBits()
    {
        var one = new KeyedRandom(9, RandomPurpose.Dropout, 1);
        var other = new KeyedRandom(9, RandomPurpose.Corruption, 1);
        var different = 0;
        for (var i = 0; i < 10_000; i++)
            different += System.Numerics.BitOperations.PopCount(one.NextUInt64() ^ other.NextUInt64());

        // 640,000 fair bits: mean 320,000, standard deviation 400.
        Assert.InRange(different, 320_000 - 4 * 400, 320_000 + 4 * 400);
    }

    [Fact]
    public void TenThousandDiceFallAsTheyAlwaysDid()
    {
        var random = new KeyedRandom(42, RandomPurpose.Import);
        var counts = new int[6];
        for (var i = 0; i < 10_000; i++)
            counts[random.Next(6)]++;
        Assert.Equal(DiceCounts, counts);

        // Chi-square with five degrees of freedom: 99.9 % of fair dice stay below 20.5.
        Assert.True(counts.Sum(c => Math.Pow(c - 10_000 / 6.0, 2) / (10_000 / 6.0)) < 20.5);
    }

    [Fact]
    public void DoublesAreInTheUnitIntervalWithItsMean()
    {
        var random = new KeyedRandom(7, RandomPurpose.Initialization);
        double sum = 0, low = 1, high = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var value = random.NextDouble();
            (sum, low, high) = (sum + value, Math.Min(low, value), Math.Max(high, value));
        }

        // Standard deviation of the mean: 0.2887 / sqrt(100,000) = 0.00091.
        Assert.InRange(sum / 100_000, 0.5 - 0.0037, 0.5 + 0.0037);
        Assert.InRange(low, 0, 0.001);
        Assert.InRange(high, 0.999, 1 - 1e-17);
    }

    [Fact]
    public void AShuffleIsAPermutationAndEveryPlaceIsAsLikely()
    {
        var random = new KeyedRandom(3, RandomPurpose.WindowOrder);
        var places = new int[4];
        for (var i = 0; i < 8000; i++)
        {
            int[] values = [0, 1, 2, 3];
            random.Shuffle(values.AsSpan());
            Assert.Equal([0, 1, 2, 3], values.Order());
            places[Array.IndexOf(values, 0)]++;
        }

        // Binomial(8000, 1/4): standard deviation 38.7.
        Assert.All(places, p => Assert.InRange(p, 2000 - 155, 2000 + 155));
    }

    [Fact]
    public void ANumberBelowOneIsZeroAndABoundBelowOneIsRefused()
    {
        var random = new KeyedRandom(1, RandomPurpose.Import);
        Assert.Equal(0, random.Next(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyedRandom(1, RandomPurpose.Import).Next(0));
    }

    private static readonly int[] DiceCounts = [1677, 1666, 1706, 1704, 1610, 1637];

    private static ulong Mix4(ulong seed, RandomPurpose purpose, ulong first, ulong second)
        => KeyedRandom.Mix(KeyedRandom.Mix(KeyedRandom.Mix(KeyedRandom.Mix(seed) ^ (uint)purpose) ^ first) ^ second);

    private static uint[] Take(ref KeyedRandom random, int count)
    {
        var values = new uint[count];
        for (var i = 0; i < count; i++)
            values[i] = random.NextUInt32();
        return values;
    }

    /// <summary>Philox4x32-10 as the paper writes it (Salmon et al., SC 2011, section 3.3): one block, in arrays.</summary>
    private static uint[] Philox(uint[] counter, uint[] key)
    {
        uint[] c = [.. counter], k = [.. key];
        for (var round = 0; round < 10; round++)
        {
            var low = Math.BigMul(0xD2511F53u, c[0]);
            var high = Math.BigMul(0xCD9E8D57u, c[2]);
            c = [(uint)(high >> 32) ^ c[1] ^ k[0], (uint)high, (uint)(low >> 32) ^ c[3] ^ k[1], (uint)low];
            k = [unchecked(k[0] + 0x9E3779B9u), unchecked(k[1] + 0xBB67AE85u)];
        }

        return c;
    }
}
