namespace KaleidoDist.Checkpoints.Tests;

/// <summary>How tensors are dealt to ranks.</summary>
public sealed class ShardDealingTests
{
    [Fact]
    public void TheLargestGoFirstToWhoeverHasLeast()
        => Assert.Equal([0, 1, 1, 0, 1], ShardDealing.Deal([7, 5, 4, 3, 0], 2));

    [Fact]
    public void MoreRanksThanPiecesLeaveSomeWithout() => Assert.Equal([0, 1], ShardDealing.Deal([3, 3], 5));

    [Fact]
    public void NoShardHasMoreThanItsEvenShareAndTheLargestPiece()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            long[] bytes = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.NextInt64(0, 1 << random.Next(1, 30)))];
            var count = random.Next(1, 9);
            var shardOf = ShardDealing.Deal(bytes, count);
            Assert.Equal(shardOf, ShardDealing.Deal(bytes, count));
            var loads = Enumerable.Range(0, count).Select(shard => bytes.Where((_, piece) => shardOf[piece] == shard).Sum()).ToList();
            Assert.Equal(bytes.Sum(), loads.Sum());
            Assert.True(loads.Max() <= (bytes.Sum() / count) + bytes.Max(), $"round {round}: {loads.Max()} of {bytes.Sum()}");
        }
    }
}
