using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class QueueTests : NativeMemoryTest
{
    private const int Size = 20_011;

    [Fact]
    public void QueuedBucketsAreCarriedOutInOrderBetweenOtherCalls()
    {
        LoopbackGroup.RunWell(3, LoopbackGroup.Options(8), collective =>
        {
            using var accumulator = new LeafAccumulator(collective, Size);
            using var result = collective.Allocate(Size);
            var leaves = VirtualRankRange.Of(collective.Rank, 3, 8);
            for (var step = 1ul; step <= 5; step++)
            {
                Gradients.Refill(accumulator, leaves, step);
                var reductions = new List<Reduction>();
                for (var offset = 0; offset < Size; offset += 3_000)
                {
                    var count = Math.Min(3_000, Size - offset);
                    reductions.Add(collective.BeginAllReduce(
                        [.. accumulator.Partials.Select(partial => partial.Slice(offset, count))], result.Floats.Slice(offset, count)));
                }

                collective.Barrier(); // Behind all of them.
                Assert.All(reductions, reduction => Assert.True(reduction.IsCompleted));
                reductions.ForEach(reduction => reduction.Wait());
                var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size, step));
                Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"step {step}, rank {collective.Rank}");
            }
        });
    }

    [Fact]
    public void AReductionIsWaitedForOnce()
    {
        LoopbackGroup.RunWell(2, LoopbackGroup.Options(4), collective =>
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, VirtualRankRange.Of(collective.Rank, 2, 4), 16);
            using var result = collective.Allocate(16);
            var first = collective.BeginAllReduce(accumulator.Partials, result.Floats);
            first.Wait();
            Assert.Throws<InvalidOperationException>(first.Wait);
            var second = collective.BeginAllReduce(accumulator.Partials, result.Floats); // Reuses the first one's memory.
            Assert.Throws<InvalidOperationException>(first.Wait);
            second.Wait();
        });
    }

    [Fact]
    public void AFaultReachesEveryQueuedReductionAndEveryLaterCall()
    {
        using var begun = new ManualResetEventSlim();
        var errors = LoopbackGroup.Run(2, LoopbackGroup.Options(2), collective =>
        {
            if (collective.Rank == 1)
            {
                Assert.True(begun.Wait(LoopbackGroup.Patience));
                collective.Abort(new InvalidOperationException("gone"));
                return;
            }

            using var values = collective.Allocate(64);
            SubtreePartial[] partials = [new SubtreePartial(new Subtree(0, 0), values.Floats)];
            var reductions = Enumerable.Range(0, 3).Select(_ => collective.BeginAllReduce(partials, values.Floats)).ToArray();
            begun.Set();
            Assert.All(reductions, reduction => Assert.Equal(1, Assert.Throws<PeerLostException>(reduction.Wait).Peer));
            Assert.Throws<PeerLostException>(collective.Barrier);
        });
        LoopbackGroup.AssertAllWell(errors);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void ReduceScatterAndAllGatherMakeAnAllReduce(int worldSize)
    {
        foreach (var size in (int[])[0, 5, 100, Size])
        {
            var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, size));
            LoopbackGroup.RunWell(worldSize, LoopbackGroup.Options(8) with { ChunkBytes = 1024 }, collective =>
            {
                using var accumulator = Gradients.Accumulate(collective.Tree, VirtualRankRange.Of(collective.Rank, worldSize, 8), size);
                using var result = collective.Allocate(size);
                var segment = Segments.Of(result.Floats, collective.Rank, worldSize);
                collective.ReduceScatter(accumulator.Partials, segment);
                var (start, count) = Segments.Of(size, collective.Rank, worldSize);
                Gradients.AssertSameBits(expected.AsSpan((int)start, (int)count), segment.AsSpan(), $"segment of rank {collective.Rank}");
                collective.AllGatherSegments(result.Floats);
                Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"rank {collective.Rank}");
            });
        }
    }
}
