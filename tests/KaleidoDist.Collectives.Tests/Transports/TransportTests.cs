using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>One sum, whatever way it takes: shared memory, TCP, or both.</summary>
public sealed class TransportTests : NativeMemoryTest
{
    private const int Size = 30_011;

    public static TheoryData<string, int> Groupings
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var hosts in (string[])["00", "01", "000", "0000", "0011", "0111", "0101", "00122", "01102", "000000", "00000000", "00001111", "01234567"])
            {
                foreach (var virtualRankCount in (int[])[8, 12, 16])
                    data.Add(hosts, virtualRankCount);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Groupings))]
    public void EveryGroupingIntoHostsHasTheBitsOfTheTree(string grouping, int virtualRankCount)
    {
        var expected = Gradients.TreeSum(virtualRankCount, leaf => Gradients.Leaf(leaf, Size));
        LoopbackGroup.RunWell(Calls.HostsOf(grouping), LoopbackGroup.Options(virtualRankCount, CollectiveTransport.Auto) with { ChunkBytes = 4096 }, collective =>
        {
            using var accumulator = new LeafAccumulator(collective, Size);
            using var result = collective.Allocate(Size);
            var leaves = Calls.LeavesOf(collective);
            for (var step = 0; step < 2; step++)
            {
                // Inside the arena; in place; in ordinary memory; in buckets that lie anywhere.
                Gradients.Refill(accumulator, leaves, seed: 1);
                collective.AllReduce(accumulator.Partials, result.Floats);
                Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"{collective.Route}, rank {collective.Rank}");

                using var ordinary = Gradients.Accumulate(collective.Tree, leaves, Size);
                using var ordinaryResult = NativeBuffer.OfFloats(Size);
                collective.AllReduce(ordinary.Partials, ordinaryResult.Floats);
                Gradients.AssertSameBits(expected, ordinaryResult.Floats.AsSpan(), $"{collective.Route}, ordinary memory, rank {collective.Rank}");

                result.Floats.AsSpan().Clear();
                foreach (var (offset, count) in ((int, int)[])[(0, 17), (17, 9_000), (9_017, 0), (9_017, Size - 9_017)])
                    collective.AllReduce([.. accumulator.Partials.Select(partial => partial.Slice(offset, count))], result.Floats.Slice(offset, count));
                Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"{collective.Route}, buckets, rank {collective.Rank}");

                var inPlace = accumulator.Partials[^1].Values;
                collective.AllReduce(accumulator.Partials, inPlace);
                Gradients.AssertSameBits(expected, inPlace.AsSpan(), $"{collective.Route}, in place, rank {collective.Rank}");
            }
        });
    }

    [Theory]
    [InlineData("00", "shared memory of 2 ranks")]
    [InlineData("01", "TCP between 2 ranks")]
    [InlineData("010", "shared memory in each of 2 hosts, TCP between them")]
    public void TheRouteFollowsTheHosts(string grouping, string route)
        => LoopbackGroup.RunWell(Calls.HostsOf(grouping), LoopbackGroup.Options(8, CollectiveTransport.Auto), collective => Assert.Equal(route, collective.Route));

    [Theory]
    [InlineData("000")]
    [InlineData("0110")]
    public void OneRankInOrdinaryMemoryChangesNothingForTheOthers(string grouping)
    {
        // Longer than a staging round, on one rank alone.
        const int Count = 2 * HostArena.RoundBytes / sizeof(float) + 77;
        var expected = Gradients.TreeSum(4, leaf => Gradients.Leaf(leaf, Count));
        LoopbackGroup.RunWell(Calls.HostsOf(grouping), LoopbackGroup.Options(4, CollectiveTransport.Auto), collective =>
        {
            using var accumulator = collective.Rank == 1
                ? new LeafAccumulator(collective.Tree, Calls.LeavesOf(collective), Count)
                : new LeafAccumulator(collective, Count);
            Gradients.Refill(accumulator, Calls.LeavesOf(collective), seed: 1);
            collective.AllReduce(accumulator.Partials, accumulator.Partials[0].Values);
            Gradients.AssertSameBits(expected, accumulator.Partials[0].Values.AsSpan(), $"rank {collective.Rank}");
        });
    }

    [Fact]
    public void BuffersOutliveTheirGroup()
    {
        LoopbackGroup.RunWell([0, 0], LoopbackGroup.Options(8, CollectiveTransport.Auto), collective =>
        {
            var buffer = collective.Allocate(1_000_000);
            buffer.Floats.AsSpan().Fill(1.5f);
            collective.Barrier();
            collective.Dispose();
            Assert.False(buffer.Floats.AsSpan().ContainsAnyExcept(1.5f));
            buffer.Dispose();
        });
    }

    [Fact]
    public void MemoryThatCameBackIsHandedOutZeroed()
    {
        LoopbackGroup.RunWell([0, 0], LoopbackGroup.Options(8, CollectiveTransport.Auto), collective =>
        {
            nint first;
            using (var buffer = collective.Allocate(1_000_000))
            {
                first = buffer.Address;
                Assert.Equal(0, first % NativeBuffer.AlignmentBytes);
                buffer.Floats.AsSpan().Fill(1.5f);
            }

            using var again = collective.Allocate(1_000_000);
            Assert.Equal(first, again.Address);
            Assert.False(again.Floats.AsSpan().ContainsAnyExcept(0f));
            collective.Barrier();
        });
    }

    [Theory]
    [InlineData(CollectiveTransport.SharedMemory, "the ranks are on 2 hosts")]
    public void ATransportThatCannotBeHadIsRefusedOnAllRanks(CollectiveTransport transport, string why)
    {
        var errors = LoopbackGroup.Run([0, 1], LoopbackGroup.Options(8, transport), _ => { });
        Assert.All(errors, error => Assert.Contains(why, Assert.IsType<FormationException>(error).Message));
    }
}
