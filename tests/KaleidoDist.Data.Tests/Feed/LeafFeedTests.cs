using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class LeafFeedTests : IAsyncLifetime
{
    private const int RowCount = 103;
    private static readonly PlanShape Shape = new(virtualRanks: 5, globalBatchSize: 20, shuffleWindow: 2);
    private readonly TemporaryFolder folder = new();
    private DatasetManifest manifest = null!;

    public async Task InitializeAsync()
    {
        await RawFiles.WriteAsync(folder["part-00.parquet"], 61, 8);
        await RawFiles.WriteAsync(folder["part-01.parquet"], RowCount - 61, 8, first: 61);
        manifest = DatasetIndexer.Index(folder.ToString());
    }

    public Task DisposeAsync()
    {
        folder.Dispose();
        return Task.CompletedTask;
    }

    private LeafFeedOptions Options(VirtualRankRange range, long start, long end, double maxBadRows = 1) => new()
    {
        Manifest = manifest,
        Shape = Shape,
        Seed = 9,
        Model = ModelConfig.Preset("kaleido-tiny")!,
        MicroBatchSize = 3,
        MaxBadRows = maxBadRows,
        VirtualRanks = range,
        StartStep = start,
        EndStep = end,
    };

    private List<Leaf> Take(VirtualRankRange range, long start, long end, ISampleEncoder? encoder = null, double maxBadRows = 1)
    {
        using var feed = new LeafFeed(Options(range, start, end, maxBadRows), encoder ?? new FakeEncoder());
        var leaves = new List<Leaf>();
        while (feed.Next() is { } leaf)
            leaves.Add(leaf);
        return leaves;
    }

    private static long[] Ids(Leaf leaf) => [.. leaf.MicroBatches.SelectMany(b => b.SampleIds)];

    [Fact]
    public void LeavesFollowThePlanOverTheBorderOfEpochs()
    {
        var table = new RowGroupTable(manifest);
        var steps = Shape.StepCount(RowCount);
        var leaves = Take(new VirtualRankRange(0, 5), 0, 2 * steps);
        Assert.Equal(2 * steps * 5, leaves.Count);
        for (var i = 0; i < leaves.Count; i++)
        {
            var (step, virtualRank) = (i / 5, i % 5);
            var plan = new EpochPlan(table, Shape, 9, step / steps);
            var expected = plan.Leaf(step % steps, virtualRank).Select(s => s.SampleIndex).ToArray();
            Assert.Equal((step, virtualRank, expected.Length), (leaves[i].Step, leaves[i].VirtualRank, leaves[i].Count));
            Assert.Equal(expected, Ids(leaves[i]));
            Assert.Equal(expected, leaves[i].MicroBatches.SelectMany(b => b.MatchLabels));
            Assert.All(leaves[i].MicroBatches.SelectMany(b => b.RotationLabels), epoch => Assert.Equal(step / steps, epoch));
            Assert.Equal(expected.Length, leaves[i].MaskedWeightSum);
            Assert.Equal(0, leaves[i].ReplacedCount);
        }

        Assert.Equal(2 * RowCount, leaves.Sum(l => l.Count));
        Assert.Equal([3, 1], leaves[0].MicroBatches.Select(b => b.Count));
    }

    [Fact]
    public void AnyCutOfRanksAndStepsGivesTheSameLeaves()
    {
        static bool Bad(long id) => id % 10 == 3;
        var whole = Take(new VirtualRankRange(0, 5), 0, 9, new FakeEncoder(Bad));
        foreach (var worldSize in new[] { 1, 2, 3, 4, 5 })
        {
            for (var rank = 0; rank < worldSize; rank++)
            {
                var range = VirtualRankRange.Of(rank, worldSize, 5);
                var parts = Take(range, 0, 4, new FakeEncoder(Bad)).Concat(Take(range, 4, 9, new FakeEncoder(Bad))).ToArray();
                var expected = whole.Where(l => l.VirtualRank >= range.First && l.VirtualRank < range.End).ToArray();
                Assert.Equal(expected.Select(l => (l.Step, l.VirtualRank, l.ReplacedCount)), parts.Select(l => (l.Step, l.VirtualRank, l.ReplacedCount)));
                Assert.Equal(expected.SelectMany(Ids), parts.SelectMany(Ids));
                Assert.Equal(expected.SelectMany(l => l.MicroBatches).SelectMany(b => b.MatchLabels), parts.SelectMany(l => l.MicroBatches).SelectMany(b => b.MatchLabels));
            }
        }
    }

    [Fact]
    public void ARowThatDoesNotDecodeIsReplacedFromItsRowGroupAndCounted()
    {
        var table = new RowGroupTable(manifest);
        var leaves = Take(new VirtualRankRange(0, 5), 0, Shape.StepCount(RowCount), new FakeEncoder(id => id is 5 or 70 or 71));
        Assert.Equal(3, leaves.Sum(l => l.ReplacedCount));
        Assert.Equal(Enumerable.Range(0, RowCount).Select(i => (long)i), leaves.SelectMany(Ids).Order());
        foreach (var batch in leaves.SelectMany(l => l.MicroBatches))
        {
            for (var slot = 0; slot < batch.Count; slot++)
            {
                var isBad = batch.SampleIds[slot] is 5 or 70 or 71;
                Assert.Equal(isBad, batch.SampleIds[slot] != batch.MatchLabels[slot]);
                Assert.Equal(table.Find(batch.SampleIds[slot]).Group, table.Find(batch.MatchLabels[slot]).Group);
            }
        }
    }

    [Fact]
    public void TooManyBadRowsOfASliceAreRefusedAtTheSameStepWhateverTheWorld()
    {
        var plan = new EpochPlan(new RowGroupTable(manifest), Shape, 9, 0);
        var bad = Enumerable.Range(0, 20).Where(i => i % 4 == 1).Select(i => plan.SampleAt(2, i).SampleIndex).ToHashSet();
        var messages = new List<string>();
        foreach (var worldSize in new[] { 1, 2, 3, 5 })
        {
            var range = Enumerable.Range(0, worldSize).Select(r => VirtualRankRange.Of(r, worldSize, 5)).Single(r => r.First <= 2 && r.End > 2);
            using var feed = new LeafFeed(Options(range, 0, 6, maxBadRows: 0.1), new FakeEncoder(bad.Contains));
            var taken = 0;
            var error = Assert.Throws<KaleidoException>(() =>
            {
                for (; feed.Next() is not null; taken++)
                {
                }
            });

            // Offsets 1, 5 and 9 of the slice are bad; the third is one too many and lies in step 2.
            Assert.Equal(2 * range.Count + 2 - range.First, taken);
            messages.Add(error.Message);
        }

        Assert.Single(messages.Distinct());
        Assert.Matches(@"^3 of 20 rows \(15\.0 %\) of virtual rank 2 do not decode in epoch 0, the first in row \d+ of row group \d+ of '.*part-0\d\.parquet'; expected at most 10\.0 % \(data\.max_bad_rows\)\. Run 'kaleido data inspect .*', or raise the limit\.$", messages[0]);
    }

    [Theory]
    [InlineData(0.0, 1_000, 0)]
    [InlineData(0.001, 100, 1)]
    [InlineData(0.001, 1_999, 1)]
    [InlineData(0.001, 2_000, 2)]
    [InlineData(1.0, 100, 100)]
    public void AtLeastOneBadRowOfASliceIsAllowedUnlessNoneIs(double share, long rows, long allowed)
        => Assert.Equal(allowed, BadRowLimit.Allowance(share, rows));

    [Fact]
    public void ARowGroupInWhichNothingDecodesIsRefused()
    {
        var error = Assert.Throws<KaleidoException>(() => Take(new VirtualRankRange(0, 5), 0, 6, new FakeEncoder(id => id < 8)));
        Assert.Equal("Row group 0 has 8 rows and none of them decodes; expected at least 1. Run 'kaleido data inspect' on the data set.", error.Message);
    }

    [Fact]
    public void AMissingFileIsReportedWhereTheLeafIsTaken()
    {
        File.Delete(folder["part-01.parquet"]);
        using var feed = new LeafFeed(Options(new VirtualRankRange(0, 5), 0, 6), new FakeEncoder());
        var error = Assert.Throws<KaleidoException>(() =>
        {
            while (feed.Next() is not null)
            {
            }
        });
        Assert.StartsWith($"'{folder["part-01.parquet"]}': no such file", error.Message, StringComparison.Ordinal);
        Assert.Throws<KaleidoException>(() => feed.Next());
    }

    [Fact]
    public void NoMoreThanTwoStepsAreMadeAhead()
    {
        var encoder = new FakeEncoder();
        using (var feed = new LeafFeed(Options(new VirtualRankRange(0, 5), 0, 1_000_000), encoder))
            Assert.NotNull(feed.Next());

        // One leaf taken, ten in the queue, one in the making: four samples each.
        Assert.InRange(encoder.CallCount, 4, 12 * 4);
    }

    [Fact]
    public void WaitingForALeafCanBeCancelled()
    {
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        using var feed = new LeafFeed(Options(new VirtualRankRange(0, 5), 0, 6), new FakeEncoder(_ =>
        {
            entered.Set();
            release.Wait();
            return false;
        }));
        entered.Wait();
        cancel.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => feed.Next(cancel.Token));
        release.Set();
        Assert.NotNull(feed.Next());
    }
}
