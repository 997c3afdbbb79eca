namespace KaleidoDist.Contracts.Tests;

public sealed class VirtualRankRangeTests
{
    [Fact]
    public void RanksOfEveryWorldShareTheVirtualRanksWithoutHolesOrOverlaps()
    {
        for (var virtualRanks = 1; virtualRanks <= 40; virtualRanks++)
        for (var world = 1; world <= virtualRanks; world++)
        {
            var next = 0;
            for (var rank = 0; rank < world; rank++)
            {
                var range = VirtualRankRange.Of(rank, world, virtualRanks);
                Assert.Equal(next, range.First);
                Assert.InRange(range.Count, virtualRanks / world, (virtualRanks + world - 1) / world);
                next = range.End;
            }

            Assert.Equal(virtualRanks, next);
        }
    }

    [Theory]
    [InlineData(0, 3, 8, 0, 2)]
    [InlineData(1, 3, 8, 2, 3)]
    [InlineData(2, 3, 8, 5, 3)]
    [InlineData(4095, 4096, 1_000_000_000, 999_755_859, 244_141)]
    public void ARankHostsTheDocumentedRange(int rank, int world, int virtualRanks, int first, int count)
        => Assert.Equal(new VirtualRankRange(first, count), VirtualRankRange.Of(rank, world, virtualRanks));

    [Theory]
    [InlineData(0, 0, 8)]
    [InlineData(0, 9, 8)]
    [InlineData(-1, 2, 8)]
    [InlineData(2, 2, 8)]
    public void ARankOutsideTheWorldOrAWorldLargerThanTheVirtualRanksIsRefused(int rank, int world, int virtualRanks)
        => Assert.Throws<ArgumentOutOfRangeException>(() => VirtualRankRange.Of(rank, world, virtualRanks));
}
