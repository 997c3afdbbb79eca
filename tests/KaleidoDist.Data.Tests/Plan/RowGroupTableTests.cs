using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class RowGroupTableTests
{
    private readonly RowGroupTable table = new(PlanData.Manifest([4, 4, 3], [4, 5], [4]));

    [Fact]
    public void CountsGroupsRowsAndTheCommonSize()
    {
        Assert.Equal(6, table.GroupCount);
        Assert.Equal(24, table.RowCount);
        Assert.Equal(4, table.CommonRowCount);
        Assert.Equal([(2L, 3L), (4L, 5L)], table.Exceptions);
    }

    [Theory]
    [InlineData(0, 0, 0, 4, 0)]
    [InlineData(1, 0, 1, 4, 4)]
    [InlineData(2, 0, 2, 3, 8)]
    [InlineData(3, 1, 0, 4, 11)]
    [InlineData(4, 1, 1, 5, 15)]
    [InlineData(5, 2, 0, 4, 20)]
    public void LocatesEveryGroup(long group, int file, int groupInFile, int rows, long firstSample)
        => Assert.Equal(new RowGroupLocation(file, groupInFile, rows, firstSample), table.Locate(group));

    [Fact]
    public void FindsTheGroupAndRowOfEverySample()
    {
        var found = Enumerable.Range(0, 24).Select(i => table.Find(i)).ToArray();
        var expected = Enumerable.Range(0, 6).SelectMany(group =>
        {
            var location = table.Locate(group);
            return Enumerable.Range(0, location.RowCount).Select(row => new SampleRef(group, row, location.FirstSample + row));
        });
        Assert.Equal(expected, found);
    }

    [Fact]
    public void GroupsWithoutRowsAreRefused()
    {
        var error = Assert.Throws<KaleidoException>(() => new RowGroupTable(PlanData.Manifest([4, 0])));
        Assert.Equal("'/data/part-00.parquet' has 1 row groups of 0 rows; expected at least 1 of at least 1.", error.Message);
        Assert.Throws<KaleidoException>(() => new RowGroupTable(PlanData.Manifest()));
    }
}
