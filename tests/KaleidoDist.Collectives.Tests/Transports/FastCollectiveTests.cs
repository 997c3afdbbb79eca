using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class FastCollectiveTests : NativeMemoryTest
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void EveryRankGetsTheSumOfAllLeaves(int worldSize)
    {
        const int Size = 1_001;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        var sums = new float[worldSize][];
        LoopbackGroup.RunWell(worldSize, LoopbackGroup.Options(virtualRankCount: worldSize), inner =>
        {
            using var collective = new FastCollective(inner, virtualRankCount: 8);
            ICollective group = collective;
            using var accumulator = new LeafAccumulator(group, Size);
            Gradients.Refill(accumulator, VirtualRankRange.Of(group.Rank, worldSize, 8), seed: 1);

            var inPlace = accumulator.Partials[^1].Values;
            using var result = group.Allocate(Size);
            group.AllReduce(accumulator.Partials, result.Floats);
            sums[group.Rank] = result.Floats.AsSpan().ToArray();

            // Both halves, and the sum in place of the partial that is added last, give the same.
            var segment = Segments.Of(result.Floats, group.Rank, worldSize);
            segment.AsSpan().Clear();
            group.ReduceScatter(accumulator.Partials, segment);
            group.AllGatherSegments(result.Floats);
            Gradients.AssertSameBits(sums[group.Rank], result.Floats.AsSpan(), $"halves, rank {group.Rank}");
            group.AllReduce(accumulator.Partials, inPlace);
            Assert.All(expected.Zip(inPlace.AsSpan().ToArray()), pair => Assert.Equal(pair.First, pair.Second, 0.1));
        });
        Assert.All(sums, sum => Gradients.AssertSameBits(sums[0], sum, "another rank"));
        Assert.All(expected.Zip(sums[0]), pair => Assert.Equal(pair.First, pair.Second, 0.1));
    }

    [Fact]
    public void AGroupWithMoreLeavesThanRanksIsRefused()
        => LoopbackGroup.RunWell(2, LoopbackGroup.Options(4), inner => Assert.Throws<ArgumentOutOfRangeException>(() => new FastCollective(inner, 8)));
}
