using System.Diagnostics;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class EpochPlanTests
{
    /// <summary>A random data set and shape; small ones, so that empty slices, single groups and windows over all occur.</summary>
    private static (RowGroupTable Table, PlanShape Shape) RandomCase(ref KeyedRandom random)
    {
        var files = new long[1 + random.Next(4)][];
        for (var f = 0; f < files.Length; f++)
        {
            files[f] = new long[1 + random.Next(8)];
            var common = 1 + random.Next(12);
            for (var g = 0; g < files[f].Length; g++)
                files[f][g] = random.Next(3) == 0 ? 1 + random.Next(15) : common;
        }

        var virtualRanks = 1 + random.Next(9);
        return (new RowGroupTable(PlanData.Manifest(files)), new PlanShape(virtualRanks, virtualRanks * (1 + random.Next(7)), 1 + random.Next(5)));
    }

    [Fact]
    public void EverySampleIsTakenExactlyOnceInAnEpoch()
    {
        var random = new KeyedRandom(1, RandomPurpose.Import);
        for (var trial = 0; trial < 400; trial++)
        {
            var (table, shape) = RandomCase(ref random);
            var plan = new EpochPlan(table, shape, seed: (ulong)trial, epoch: trial % 3);
            var taken = new List<SampleRef>();
            for (long step = 0; step < plan.StepCount; step++)
            {
                var before = taken.Count;
                for (var v = 0; v < shape.VirtualRanks; v++)
                {
                    var leaf = plan.Leaf(step, v);
                    Assert.Equal(plan.LeafCount(step, v), leaf.Length);
                    taken.AddRange(leaf);
                }

                Assert.Equal(plan.SampleCount(step), taken.Count - before);
                Assert.True(step == plan.StepCount - 1 || taken.Count - before >= shape.GlobalBatchSize - shape.VirtualRanks);
                Assert.True(taken.Count > before);
            }

            Assert.Equal(Enumerable.Range(0, (int)table.RowCount).Select(i => table.Find(i)), taken.OrderBy(s => s.SampleIndex));
        }
    }

    [Fact]
    public void AStepComputedDirectlyIsTheStepReachedByIteration()
    {
        var random = new KeyedRandom(2, RandomPurpose.Import);
        for (var trial = 0; trial < 100; trial++)
        {
            var (table, shape) = RandomCase(ref random);
            var iterated = new EpochPlan(table, shape, 5, 1);
            for (long step = 0; step < iterated.StepCount; step++)
            {
                var direct = new EpochPlan(table, shape, 5, 1);
                for (var v = shape.VirtualRanks - 1; v >= 0; v--)
                    Assert.Equal(iterated.Leaf(step, v), direct.Leaf(step, v));
            }
        }
    }

    [Fact]
    public void AWindowTouchesNoMoreRowGroupsThanItsSize()
    {
        var table = new RowGroupTable(PlanData.Manifest(Enumerable.Range(0, 6).Select(_ => Enumerable.Repeat(10L, 7).Append(4).ToArray()).ToArray()));
        var shape = new PlanShape(virtualRanks: 3, globalBatchSize: 3, shuffleWindow: 4);
        var plan = new EpochPlan(table, shape, 11, 0);
        for (var v = 0; v < shape.VirtualRanks; v++)
        {
            var groups = new List<long>();
            for (long i = 0; i < plan.SliceLength(v); i++)
                groups.Add(plan.SampleAt(v, i).Group);

            // Every row group appears in one contiguous stretch (its window), in which at most k groups take part.
            foreach (var group in groups.Distinct())
            {
                var stretch = groups[groups.IndexOf(group)..(groups.LastIndexOf(group) + 1)];
                Assert.InRange(stretch.Distinct().Count(), 1, shape.ShuffleWindow);
            }

            var changes = groups.Zip(groups.Skip(1)).Count(p => p.First != p.Second);
            Assert.True(changes > groups.Count / 2, $"{changes} changes of row group in {groups.Count} samples: not shuffled");
        }
    }

    [Fact]
    public void EpochsAndSeedsHaveDifferentOrders()
    {
        var table = new RowGroupTable(PlanData.Manifest(Enumerable.Repeat(10L, 20).ToArray()));
        var shape = new PlanShape(4, 8, 2);
        var orders = new (ulong Seed, long Epoch)[] { (1, 0), (1, 1), (1, 2), (2, 0) }
            .Select(k => Order(new EpochPlan(table, shape, k.Seed, k.Epoch), shape)).ToArray();
        for (var i = 0; i < orders.Length; i++)
        {
            for (var j = 0; j < i; j++)
                Assert.InRange(orders[i].Zip(orders[j]).Count(p => p.First == p.Second), 0, 10);
        }
    }

    [Fact]
    public void RowsOfOneCategoryAreSpreadOverAStep()
    {
        // 64 groups of 16 rows whose content is sorted: with windows of 4 and 8 slices a step mixes many groups.
        var table = new RowGroupTable(PlanData.Manifest(Enumerable.Repeat(16L, 64).ToArray()));
        var plan = new EpochPlan(table, new PlanShape(8, 64, 4), 3, 0);
        for (long step = 0; step < plan.StepCount; step++)
        {
            var groups = Enumerable.Range(0, 8).SelectMany(v => plan.Leaf(step, v)).Select(s => s.Group).Distinct().Count();
            Assert.InRange(groups, 20, 32);
        }
    }

    [Fact]
    public void GoldenOrderOfAnEpochIsUnchanged()
    {
        var table = new RowGroupTable(PlanData.Manifest([4, 4, 3], [4, 5], [4]));
        var shape = new PlanShape(virtualRanks: 3, globalBatchSize: 6, shuffleWindow: 2);
        var plan = new EpochPlan(table, shape, seed: 42, epoch: 1);
        Assert.Equal("6 1 0 7 2 5 3 4 20 12 13 14 21 11 23 22 10 9 8 15 18 17 16 19", string.Join(' ', Order(plan, shape)));
    }

    [Fact]
    public void AnyStepOfABillionSamplesIsFoundWithoutLargeArrays()
    {
        // 1,000 files of 1,000 row groups; the last one of each is of another size.
        var table = new RowGroupTable(PlanData.Manifest(1_000, 1_000));
        var shape = new PlanShape(8, 1_024, 4);
        Assert.InRange(table.RowCount, 999_000_000, 1_001_000_000);

        var plan = new EpochPlan(table, shape, 7, 123);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        plan = new EpochPlan(table, shape, 7, 123);
        var last = plan.Leaf(plan.StepCount - 2, 7);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 512 << 10);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1));

        Assert.Equal(128, last.Length);
        Assert.Equal(128, last.Distinct().Count());
        foreach (var sample in last)
            Assert.Equal(table.Find(sample.SampleIndex), sample);
        Assert.Equal(table.RowCount, Enumerable.Range(0, 8).Sum(plan.SliceLength));
        Assert.Equal(table.RowCount, shape.SamplesBefore(plan.StepCount, table.RowCount));
    }

    [Fact]
    public void StepsAndOffsetsOutsideTheEpochAreRefused()
    {
        var plan = new EpochPlan(new RowGroupTable(PlanData.Manifest([10])), new PlanShape(2, 4, 1), 1, 0);
        Assert.Equal(3, plan.StepCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Leaf(3, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Leaf(0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.SampleAt(0, 5));
    }

    private static List<long> Order(EpochPlan plan, PlanShape shape)
    {
        var order = new List<long>();
        for (var v = 0; v < shape.VirtualRanks; v++)
        {
            for (long i = 0; i < plan.SliceLength(v); i++)
                order.Add(plan.SampleAt(v, i).SampleIndex);
        }

        return order;
    }
}
