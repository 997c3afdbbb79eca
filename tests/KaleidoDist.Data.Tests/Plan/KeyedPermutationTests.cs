using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class KeyedPermutationTests
{
    [Fact]
    public void EveryNumberIsReachedOnceForEveryCountUpTo130()
    {
        for (long count = 1; count <= 130; count++)
        {
            var permutation = new KeyedPermutation(count, KeyedRandom.Key(7, RandomPurpose.RowGroupOrder, (ulong)count));
            var reached = new HashSet<long>();
            for (long i = 0; i < count; i++)
            {
                var image = permutation.Forward(i);
                Assert.InRange(image, 0, count - 1);
                Assert.True(reached.Add(image));
                Assert.Equal(i, permutation.Inverse(image));
            }
        }
    }

    [Theory]
    [InlineData(1_000_000_007)]
    [InlineData(1L << 40)]
    [InlineData((1L << 40) + 1)]
    [InlineData(long.MaxValue)]
    public void InverseUndoesForwardForLargeCounts(long count)
    {
        var permutation = new KeyedPermutation(count, 99);
        foreach (var index in new[] { 0, 1, count / 3, count - 1 })
            Assert.Equal(index, permutation.Inverse(permutation.Forward(index)));
    }

    [Fact]
    public void NumbersOutsideTheRangeAreRefused()
    {
        var permutation = new KeyedPermutation(10, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => permutation.Forward(10));
        Assert.Throws<ArgumentOutOfRangeException>(() => permutation.Inverse(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KeyedPermutation(0, 1));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(24)]
    [InlineData(100)]
    public void EveryPlaceIsAboutEquallyLikelyOverKeys(int count)
    {
        const int KeysPerPlace = 400;
        var chiSquare = 0.0;
        for (var index = 0; index < count; index++)
        {
            var hits = new int[count];
            for (var key = 0; key < KeysPerPlace * count; key++)
                hits[new KeyedPermutation(count, KeyedRandom.Key((ulong)key, RandomPurpose.WindowOrder)).Forward(index)]++;
            chiSquare += hits.Sum(h => (double)(h - KeysPerPlace) * (h - KeysPerPlace) / KeysPerPlace);
        }

        // Degrees of freedom count * (count - 1); six standard deviations of slack.
        var freedom = (double)count * (count - 1);
        Assert.InRange(chiSquare, freedom - 6 * Math.Sqrt(2 * freedom), freedom + 6 * Math.Sqrt(2 * freedom));
    }

    [Fact]
    public void GoldenOrderOfTwentyNumbersIsUnchanged()
    {
        var permutation = new KeyedPermutation(20, KeyedRandom.Key(42, RandomPurpose.RowGroupOrder));
        Assert.Equal("18 10 0 5 16 9 14 3 11 2 12 17 19 1 13 7 8 15 6 4", string.Join(' ', Enumerable.Range(0, 20).Select(i => permutation.Forward(i))));
    }
}
