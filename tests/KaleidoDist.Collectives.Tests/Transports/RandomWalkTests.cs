using System.Buffers.Binary;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class RandomWalkTests : NativeMemoryTest
{
    private const int CallCount = 120;

    [Theory]
    [InlineData(1, "01", 8, 128 * 1024)]
    [InlineData(2, "012", 8, 64)]
    [InlineData(3, "0123", 4, 4096)]
    [InlineData(4, "01234", 16, 1024)]
    [InlineData(5, "01234567", 12, 64 * 1024)]
    [InlineData(6, "000", 8, 4096)]
    [InlineData(7, "00000", 11, 4096)]
    [InlineData(8, "0011", 8, 1024)]
    [InlineData(9, "01001", 13, 64)]
    [InlineData(10, "0120120", 16, 4096)]
    public void MixedCollectivesGiveTheirExactResults(ulong seed, string grouping, int virtualRankCount, int chunkBytes)
    {
        var options = LoopbackGroup.Options(virtualRankCount, CollectiveTransport.Auto) with { ChunkBytes = chunkBytes };
        LoopbackGroup.RunWell(Calls.HostsOf(grouping), options, collective =>
        {
            // The same walk on every rank; the size falls on both sides of every boundary: 0, a cache line, a chunk, socket buffers.
            var walk = new KeyedRandom(seed, RandomPurpose.Import);
            for (var call = 0; call < CallCount; call++)
            {
                var kind = walk.Next(5);
                var size = walk.Next(1 << (1 + walk.Next(15)));
                var key = walk.NextUInt64();
                switch (kind)
                {
                    case 0:
                        AllReduce(collective, size, key);
                        break;
                    case 1:
                        Broadcast(collective, size, key);
                        break;
                    case 2:
                        AllGather(collective, size, key);
                        break;
                    case 3:
                        ReduceInBuckets(collective, size, key);
                        break;
                    default:
                        collective.Barrier();
                        break;
                }
            }
        });
    }

    [Fact]
    public void ABarrierLetsNobodyPassBeforeEverybodyHasCome()
    {
        var arrived = 0;
        LoopbackGroup.RunWell(5, LoopbackGroup.Options(8), collective =>
        {
            for (var round = 1; round <= 50; round++)
            {
                Interlocked.Increment(ref arrived);
                collective.Barrier();
                Assert.InRange(Volatile.Read(ref arrived), 5 * round, 5 * round + 4);
                collective.Barrier();
            }
        });
    }

    [Fact]
    public void LargeBroadcastsArriveFromEveryRoot()
    {
        const int Size = 3_000_001;
        LoopbackGroup.RunWell(4, LoopbackGroup.Options(4), collective =>
        {
            for (var root = 0; root < 4; root++)
            {
                using var values = NativeBuffer.OfFloats(Size);
                if (collective.Rank == root)
                    values.Floats.AsSpan().Fill(root + 0.5f);
                collective.Broadcast(values.Floats, root);
                Assert.False(values.Floats.AsSpan().ContainsAnyExcept(root + 0.5f));
            }
        });
    }

    private static void AllReduce(ICollective collective, int size, ulong key)
    {
        using var accumulator = Gradients.Accumulate(
            collective.Tree, VirtualRankRange.Of(collective.Rank, collective.WorldSize, collective.Tree.LeafCount), size, key);
        using var result = NativeBuffer.OfFloats(size);
        collective.AllReduce(accumulator.Partials, result.Floats);
        var expected = Gradients.TreeSum(collective.Tree.LeafCount, leaf => Gradients.Leaf(leaf, size, key));
        Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"rank {collective.Rank}");
    }

    /// <summary>Queued buckets of random lengths, in memory of the group, summed in place or elsewhere.</summary>
    private static void ReduceInBuckets(ICollective collective, int size, ulong key)
    {
        using var accumulator = new LeafAccumulator(collective, size);
        using var separate = collective.Allocate(size);
        Gradients.Refill(accumulator, Calls.LeavesOf(collective), key);
        var result = (key & 1) == 0 ? separate.Floats : accumulator.Partials[0].Values;
        var cuts = new KeyedRandom(key, RandomPurpose.Import);
        var reductions = new List<Reduction>();
        for (var start = 0; start < size;)
        {
            var count = Math.Min(size - start, 1 + cuts.Next(1 + size / 2));
            reductions.Add(collective.BeginAllReduce([.. accumulator.Partials.Select(partial => partial.Slice(start, count))], result.Slice(start, count)));
            start += count;
        }

        reductions.ForEach(reduction => reduction.Wait());
        var expected = Gradients.TreeSum(collective.Tree.LeafCount, leaf => Gradients.Leaf(leaf, size, key));
        Gradients.AssertSameBits(expected, result.AsSpan(), $"buckets, rank {collective.Rank}");
    }

    private static void Broadcast(ICollective collective, int size, ulong key)
    {
        var root = (int)(key % (ulong)collective.WorldSize);
        using var values = NativeBuffer.OfFloats(size);
        if (collective.Rank == root)
            Gradients.Leaf(0, size, key).CopyTo(values.Floats.AsSpan());
        collective.Broadcast(values.Floats, root);
        Gradients.AssertSameBits(Gradients.Leaf(0, size, key), values.Floats.AsSpan(), $"rank {collective.Rank}");
    }

    private static void AllGather(ICollective collective, int size, ulong key)
    {
        var all = new byte[size * collective.WorldSize];
        collective.AllGather(Block(collective.Rank), all);
        for (var rank = 0; rank < collective.WorldSize; rank++)
            Assert.Equal(Block(rank), all.AsSpan(rank * size, size).ToArray());

        byte[] Block(int rank)
        {
            var block = new byte[size];
            var random = new KeyedRandom(key, RandomPurpose.Import, (ulong)rank);
            for (var i = 0; i + sizeof(ulong) <= size; i += sizeof(ulong))
                BinaryPrimitives.WriteUInt64LittleEndian(block.AsSpan(i), random.NextUInt64());
            return block;
        }
    }
}
