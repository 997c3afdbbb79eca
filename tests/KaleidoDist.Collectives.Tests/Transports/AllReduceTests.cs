using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class AllReduceTests : NativeMemoryTest
{
    private static readonly int[] Sizes = [0, 1, 7, 1000, 100_003];

    public static TheoryData<int> VirtualRankCounts => [1, 2, 3, 5, 7, 8, 12, 16];

    [Fact]
    public void TheTestGradientsShowAnotherOrderOfAdditions()
    {
        var leaves = Enumerable.Range(0, 8).Select(leaf => Gradients.Leaf(leaf, 1000)).ToArray();
        var inOrder = leaves.Aggregate((sum, leaf) => [.. sum.Zip(leaf, (a, b) => a + b)]);
        var differing = Gradients.TreeSum(8, leaf => leaves[leaf]).Zip(inOrder).Count(pair => pair.First != pair.Second);
        Assert.InRange(differing, 100, 1000);
    }

    [Theory]
    [MemberData(nameof(VirtualRankCounts))]
    public void EveryWorldGetsTheBitsOfTheTreeOnAllRanks(int virtualRankCount)
    {
        var expected = Sizes.ToDictionary(size => size, size => Gradients.TreeSum(virtualRankCount, leaf => Gradients.Leaf(leaf, size)));
        for (var worldSize = 1; worldSize <= Math.Min(8, virtualRankCount); worldSize++)
        {
            LoopbackGroup.RunWell(worldSize, LoopbackGroup.Options(virtualRankCount), collective =>
            {
                foreach (var size in Sizes)
                    Gradients.AssertSameBits(expected[size], Reduce(collective, size), $"W={collective.WorldSize}, {size} values, rank {collective.Rank}");
            });
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public void ChunkSizeIsInvisibleInTheBits(int chunkBytes)
    {
        const int Size = 9_999;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        foreach (var worldSize in (int[])[2, 3, 5])
        {
            LoopbackGroup.RunWell(worldSize, LoopbackGroup.Options(8) with { ChunkBytes = chunkBytes }, collective =>
                Gradients.AssertSameBits(expected, Reduce(collective, Size), $"W={collective.WorldSize}, rank {collective.Rank}"));
        }
    }

    [Fact]
    public void BucketSizeIsInvisibleInTheBits()
    {
        const int Size = 10_001;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        LoopbackGroup.RunWell(3, LoopbackGroup.Options(8), collective =>
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), Size);
            using var result = NativeBuffer.OfFloats(Size);
            foreach (var (offset, count) in ((int, int)[])[(0, 17), (17, 4_000), (4_017, 0), (4_017, 5_984)])
                collective.AllReduce([.. accumulator.Partials.Select(partial => partial.Slice(offset, count))], result.Floats.Slice(offset, count));
            Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"rank {collective.Rank}");
        });
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void TheResultMayReplaceAPartial(int worldSize)
    {
        const int Size = 50_000;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        LoopbackGroup.RunWell(worldSize, LoopbackGroup.Options(8) with { ChunkBytes = 1024 }, collective =>
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), Size);
            var inPlace = accumulator.Partials[^1].Values;
            collective.AllReduce(accumulator.Partials, inPlace);
            Gradients.AssertSameBits(expected, inPlace.AsSpan(), $"rank {collective.Rank}");
        });
    }

    [Fact]
    public void TheSingleRankGetsTheSameBits()
    {
        foreach (var virtualRankCount in (int[])[1, 3, 8])
        {
            using var collective = new SingleRankCollective(new Membership("job", 1, [new RankMember(0, "w", "h", "h:1")], new byte[32]), virtualRankCount);
            foreach (var size in Sizes)
                Gradients.AssertSameBits(Gradients.TreeSum(virtualRankCount, leaf => Gradients.Leaf(leaf, size)), Reduce(collective, size), $"{size} values");
        }
    }

    [Fact]
    public void PartialsThatAreNotTheRanksOwnAreRefusedBeforeAnythingIsSent()
    {
        LoopbackGroup.RunWell(2, LoopbackGroup.Options(4), collective =>
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), 16);
            using var result = NativeBuffer.OfFloats(16);
            var mine = accumulator.Partials[0];
            Assert.Throws<ArgumentException>(() => collective.AllReduce([], result.Floats));
            Assert.Throws<ArgumentException>(() => collective.AllReduce([mine with { Subtree = Subtree.Leaf(0) }], result.Floats));
            Assert.Throws<ArgumentException>(() => collective.AllReduce([mine], result.Floats.Slice(0, 8)));
            Assert.Throws<ArgumentException>(() => collective.AllReduce([mine.Slice(0, 8)], mine.Values.Slice(4, 8)));
            collective.AllReduce([mine], result.Floats); // The group is unharmed.
        });
    }

    [Theory]
    [InlineData("000")]
    [InlineData("012")]
    [InlineData("001")]
    public void SteadyStateAllocatesNothing(string grouping)
    {
        using var listeners = new LoopbackListeners(3);
        var membership = listeners.Membership(hosts: Calls.HostsOf(grouping));
        LoopbackGroup.AssertAllWell(LoopbackGroup.RunRanks(3, rank =>
        {
            var probe = new AllocationProbe();
            using var collective = Collective.Form(
                membership, rank, listeners[rank], LoopbackGroup.Options(8, CollectiveTransport.Auto) with { TimeProvider = probe }, CancellationToken.None);
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), 20_000);
            using var result = collective.Allocate(20_000);
            var partials = accumulator.Partials;
            var block = new byte[8];
            var blocks = new byte[24];
            Round();
            Round();
            var (caller, communication) = (GC.GetAllocatedBytesForCurrentThread(), probe.AllocatedBytes);
            for (var call = 0; call < 50; call++)
                Round();
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - caller);
            Assert.Equal(0, probe.AllocatedBytes - communication);

            void Round()
            {
                var begun = collective.BeginAllReduce(partials, result.Floats);
                collective.AllReduce(partials, result.Floats);
                begun.Wait();
                collective.Broadcast(result.Floats, 1);
                collective.AllGather(block, blocks);
                collective.Barrier();
            }
        }));
    }

    private static float[] Reduce(ICollective collective, int size)
    {
        using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), size);
        using var result = NativeBuffer.OfFloats(size);
        collective.AllReduce(accumulator.Partials, result.Floats);
        return result.Floats.AsSpan().ToArray();
    }

    /// <summary>The communication thread looks at the clock in every call: a clock can tell what that thread has allocated.</summary>
    private sealed class AllocationProbe : TimeProvider
    {
        private long allocatedBytes;

        public long AllocatedBytes => Volatile.Read(ref allocatedBytes);

        public override long GetTimestamp()
        {
            Volatile.Write(ref allocatedBytes, GC.GetAllocatedBytesForCurrentThread());
            return base.GetTimestamp();
        }
    }
}
