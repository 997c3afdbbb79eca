using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class Bfloat16Tests : NativeMemoryTest
{
    private const int Size = 20_005;

    [Theory]
    [InlineData(0x3F80_0000u, 0x3F80u)] // 1
    [InlineData(0x3F80_8000u, 0x3F80u)] // Half way: to even, down
    [InlineData(0x3F81_8000u, 0x3F82u)] // Half way: to even, up
    [InlineData(0x3F80_8001u, 0x3F81u)]
    [InlineData(0x3F80_7FFFu, 0x3F80u)]
    [InlineData(0xBFFF_FFFFu, 0xC000u)] // Carries into the exponent
    [InlineData(0x7F7F_FFFFu, 0x7F80u)] // Rounds to infinity
    [InlineData(0x7F80_0000u, 0x7F80u)]
    [InlineData(0xFF80_0000u, 0xFF80u)]
    [InlineData(0x7F80_0001u, 0x7FC0u)] // A NaN whose payload is all in the lower half stays one
    [InlineData(0xFFFF_FFFFu, 0xFFFFu)]
    [InlineData(0x8000_0000u, 0x8000u)] // -0
    [InlineData(0x0000_8001u, 0x0001u)] // The smallest denormal
    public void RoundsToNearestEven(uint bits, uint expected)
    {
        // 37 values: two vectors and a rest, so that every path sees the value.
        using var values = NativeBuffer.OfFloats(37);
        using var encoded = new NativeBuffer(37 * Bfloat16.ByteCount);
        using var decoded = NativeBuffer.OfFloats(37);
        values.Floats.AsSpan().Fill(BitConverter.UInt32BitsToSingle(bits));
        Bfloat16.Encode(values.Floats, encoded.Address);
        Bfloat16.Decode(encoded.Address, decoded.Floats);
        Bfloat16.Round(values.Floats, values.Address);
        for (var i = 0; i < 37; i++)
        {
            Assert.Equal(expected << 16, BitConverter.SingleToUInt32Bits(decoded.Floats.AsSpan()[i]));
            Assert.Equal(expected << 16, BitConverter.SingleToUInt32Bits(values.Floats.AsSpan()[i]));
        }
    }

    [Theory]
    [InlineData("01", 64)]
    [InlineData("012", 4096)]
    [InlineData("01234", 1024)]
    [InlineData("0011", 4096)]
    [InlineData("01102", 1 << 17)]
    public void TheWireRoundsWhatHostsHoldOnceAndTheSumOnce(string grouping, int chunkBytes)
    {
        var hosts = Calls.HostsOf(grouping);
        var expected = WireSum(hosts, 8);
        var options = LoopbackGroup.Options(8, CollectiveTransport.Auto) with { WireType = WireType.BF16, ChunkBytes = chunkBytes };
        LoopbackGroup.RunWell(hosts, options, collective =>
        {
            using var accumulator = new LeafAccumulator(collective, Size);
            using var result = collective.Allocate(Size);
            Gradients.Refill(accumulator, Calls.LeavesOf(collective), seed: 1);
            collective.AllReduce(accumulator.Partials, result.Floats);
            Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"rank {collective.Rank}");
            foreach (var (offset, count) in ((int, int)[])[(0, 4_001), (4_001, Size - 4_001)])
                collective.AllReduce([.. accumulator.Partials.Select(partial => partial.Slice(offset, count))], result.Floats.Slice(offset, count));
            Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"buckets, rank {collective.Rank}");
            var inPlace = accumulator.Partials[0].Values;
            collective.AllReduce(accumulator.Partials, inPlace);
            Gradients.AssertSameBits(expected, inPlace.AsSpan(), $"in place, rank {collective.Rank}");
        });
    }

    [Fact]
    public void OnOneHostNothingTravelsAndNothingIsRounded()
    {
        var expected = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        LoopbackGroup.RunWell([0, 0, 0], LoopbackGroup.Options(8, CollectiveTransport.Auto) with { WireType = WireType.BF16 }, collective =>
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), Size);
            using var result = collective.Allocate(Size);
            collective.AllReduce(accumulator.Partials, result.Floats);
            Gradients.AssertSameBits(expected, result.Floats.AsSpan(), $"rank {collective.Rank}");
        });
    }

    [Fact]
    public void TheRoundingIsSmall()
    {
        var exact = Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, Size));
        var rounded = WireSum([0, 1, 2, 3], 8);
        var error = Math.Sqrt(exact.Zip(rounded).Sum(pair => Math.Pow(pair.First - pair.Second, 2)) / exact.Sum(value => (double)value * value));
        Assert.InRange(error, 1e-4, 4e-3); // 8 bits of mantissa: half a unit is 2^-9.
    }

    /// <summary>The definition: the highest nodes whose leaves one host holds alone are rounded, their sum is float32, and is rounded once.</summary>
    private static float[] WireSum(int[] hosts, int leafCount)
    {
        var hostOfLeaf = new int[leafCount];
        for (var rank = 0; rank < hosts.Length; rank++)
        {
            var range = VirtualRankRange.Of(rank, hosts.Length, leafCount);
            hostOfLeaf.AsSpan(range.First, range.Count).Fill(hosts[rank]);
        }

        return Round(Node(0, leafCount));

        float[] Node(int first, int count)
        {
            if (hostOfLeaf.AsSpan(first, count).Count(hostOfLeaf[first]) == count)
                return Round(Gradients.TreeSum(count, leaf => Gradients.Leaf(first + leaf, Size)));
            return [.. Node(first, count / 2).Zip(Node(first + count / 2, count / 2), (left, right) => left + right)];
        }
    }

    private static float[] Round(float[] values) => [.. values.Select(value =>
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000);
    })];
}
