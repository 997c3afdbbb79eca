using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class NcclCollectiveTests : NativeMemoryTest
{
    private const int Float32 = 7, Sum = 0;

    [Theory]
    [InlineData(8, 64)]
    [InlineData(5, 1024)]
    [InlineData(12, 4 << 20)]
    public void ExactModeHasTheBitsOfTheTreeAtEveryWorldSize(int virtualRankCount, int chunkCount)
    {
        int[] sizes = [1, 7, 1000, 10_003];
        var expected = sizes.ToDictionary(size => size, size => Gradients.TreeSum(virtualRankCount, leaf => Gradients.Leaf(leaf, size)));
        foreach (var worldSize in (int[])[2, 3, 4, 5])
        {
            var options = new NcclOptions { ChunkCount = chunkCount };
            GpuGroup.RunWell(worldSize, virtualRankCount, options: options, body: rank =>
            {
                foreach (var size in sizes)
                    Gradients.AssertSameBits(expected[size], GpuGroup.Reduce(rank, size), $"W={worldSize}, {size} values, rank {rank.Collective.Rank}");
            });
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void TheResultMayReplaceAPartial(int worldSize)
    {
        const int Size = 5_000;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        GpuGroup.RunWell(worldSize, 8, options: new NcclOptions { ChunkCount = 256 }, body: rank =>
        {
            var partials = GpuGroup.Partials(rank, Size, out var owner);
            using (owner)
            {
                rank.Collective.AllReduce(partials, partials[^1].Values);
                Gradients.AssertSameBits(expected, partials[^1].Values.AsSpan(), $"rank {rank.Collective.Rank}");
            }
        });
    }

    [Fact]
    public void ExactModeGroupsTheTransfersOfAChunkAndThenThoseOfTheSums()
    {
        GpuGroup.RunWell(2, 4, options: new NcclOptions { ChunkCount = 32 }, body: rank =>
        {
            GpuGroup.Reduce(rank, 96); // Segments of 48: a chunk of 32 and one of 16.
            var (peer, stream) = (1 - rank.Collective.Rank, rank.Gpu.Handle);
            NcclCall[] Group(int count) =>
            [
                new("ncclGroupStart"), new("ncclSend", count, Float32, peer, stream), new("ncclRecv", count, Float32, peer, stream), new("ncclGroupEnd"),
            ];
            Assert.Equal([.. Group(32), .. Group(16), .. Group(48)], rank.Nccl.Calls.SkipWhile(call => call.Function != "ncclGroupStart"));
            Assert.Equal(1, rank.Gpu.Followed);
        });
    }

    [Fact]
    public void TheCommunicatorIsFormedOfRankZerosIdAndEndsInGoodOrder()
    {
        var libraries = Enumerable.Range(0, 3).Select(_ => new FakeNccl { InProgressCount = 5 }).ToArray();
        GpuGroup.RunWell(3, 8, nccl: rank => libraries[rank], body: _ => { });
        Assert.Equal(
            [new("ncclGetUniqueId"), new("ncclCommInitRankConfig", 3, 0, 0), new("ncclCommFinalize"), new NcclCall("ncclCommDestroy")], libraries[0].Calls);
        Assert.Equal([new("ncclCommInitRankConfig", 3, 0, 2), new("ncclCommFinalize"), new NcclCall("ncclCommDestroy")], libraries[2].Calls);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void FastModeAddsOwnPartialsAndLeavesTheRestToNccl(int worldSize)
    {
        const int Size = 1_000;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        GpuGroup.RunWell(worldSize, 8, options: new NcclOptions { Reduction = ReductionMode.Fast }, body: rank =>
        {
            var actual = GpuGroup.Reduce(rank, Size);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 0.1));
            Assert.Equal([new NcclCall("ncclAllReduce", Size, Float32, Sum, rank.Gpu.Handle)], rank.Nccl.Calls.Where(call => call.Count == Size));
            Assert.Equal(0, rank.Nccl.CountOf("ncclSend"));
        });
    }

    [Fact]
    public void FastModeMayReplaceThePartialThatIsAddedLast()
    {
        GpuGroup.RunWell(3, 8, options: new NcclOptions { Reduction = ReductionMode.Fast }, body: rank =>
        {
            var partials = GpuGroup.Partials(rank, 16, out var owner);
            using (owner)
            {
                foreach (var partial in partials)
                    partial.Values.AsSpan().Fill(1);
                rank.Collective.AllReduce(partials, partials[^1].Values);
                Assert.Equal(5, partials[^1].Values.AsSpan()[15]); // 1 + 2 + 2 partials.
            }
        });
    }

    [Fact]
    public void ABroadcastCopiesDeviceMemoryFromItsRoot()
        => GpuGroup.RunWell(3, 8, rank =>
        {
            using (rank.Gpu.Allocate(100, out var values))
            {
                values.AsSpan().Fill(rank.Collective.Rank);
                rank.Collective.Broadcast(values, root: 2);
                Assert.Equal(Enumerable.Repeat(2f, 100), values.AsSpan().ToArray());
                Assert.Contains(new NcclCall("ncclBroadcast", 100, Float32, 2, rank.Gpu.Handle), rank.Nccl.Calls);
            }
        });

    [Fact]
    public void ValuesInHostMemoryAndSmallBytesGoThroughTheControlGroup()
        => GpuGroup.RunWell(2, 4, rank =>
        {
            using var partial = NativeBuffer.OfFloats(8);
            partial.Floats.AsSpan().Fill(rank.Collective.Rank + 1);
            var subtree = rank.Collective.Tree.Decompose(VirtualRankRange.Of(rank.Collective.Rank, 2, 4))[0];
            rank.Collective.AllReduce([new SubtreePartial(subtree, partial.Floats)], partial.Floats);
            Assert.Equal(3, partial.Floats.AsSpan()[7]);
            rank.Collective.Broadcast(partial.Floats, 0);
            var all = new byte[2];
            rank.Collective.AllGather([(byte)rank.Collective.Rank], all);
            Assert.Equal<byte>([0, 1], all);
            rank.Collective.Barrier();
            Assert.DoesNotContain(rank.Nccl.Calls, call => call.Stream != 0);
        });

    [Fact]
    public void DeviceAndHostCallsMayAlternate()
        => GpuGroup.RunWell(2, 8, rank =>
        {
            var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, 500));
            for (var step = 0; step < 50; step++)
            {
                Gradients.AssertSameBits(expected, GpuGroup.Reduce(rank, 500), $"step {step}");
                rank.Collective.Barrier();
            }
        });

    [Fact]
    public void BucketsMayBeUnderWayTogetherAndKeepTheBits()
    {
        const int Size = 10_001;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        GpuGroup.RunWell(3, 8, options: new NcclOptions { ChunkCount = 512 }, body: rank =>
        {
            var partials = GpuGroup.Partials(rank, Size, out var owner);
            using (owner)
            using (rank.Gpu.Allocate(Size, out var result))
            {
                var reductions = new List<Reduction>();
                foreach (var (offset, count) in ((int, int)[])[(0, 17), (17, 4_000), (4_017, 0), (4_017, 5_984)])
                    reductions.Add(rank.Collective.BeginAllReduce([.. partials.Select(partial => partial.Slice(offset, count))], result.Slice(offset, count)));
                var small = new byte[3];
                rank.Collective.AllGather([7], small); // Behind the buckets, over the control group.
                Assert.Equal<byte>([7, 7, 7], small);
                foreach (var reduction in reductions)
                {
                    reduction.Wait();
                    Assert.True(reduction.IsCompleted);
                }

                Gradients.AssertSameBits(expected, result.AsSpan(), $"rank {rank.Collective.Rank}");
                Assert.Throws<InvalidOperationException>(reductions[0].Wait);
                Assert.Equal(4, rank.Gpu.Followed);
            }
        });
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void BothHalvesTogetherHaveTheBitsOfTheWhole(int worldSize)
    {
        const int Size = 1_001;
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        GpuGroup.RunWell(worldSize, 8, options: new NcclOptions { ChunkCount = 64 }, body: rank =>
        {
            var partials = GpuGroup.Partials(rank, Size, out var owner);
            using (owner)
            using (rank.Gpu.Allocate(Size, out var result))
            {
                rank.Collective.ReduceScatter(partials, Segments.Of(result, rank.Collective.Rank, worldSize));
                rank.Collective.AllGatherSegments(result);
                Gradients.AssertSameBits(expected, result.AsSpan(), $"rank {rank.Collective.Rank}");
            }
        });
    }
}
