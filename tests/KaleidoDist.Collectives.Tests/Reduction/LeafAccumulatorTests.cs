using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class LeafAccumulatorTests : NativeMemoryTest
{
    [Fact]
    public void HoldsExactlyTheMaximalSubtreesOfItsRange()
    {
        const int Count = 37;
        for (var leafCount = 1; leafCount <= 17; leafCount++)
        {
            var tree = new CanonicalTree(leafCount);
            for (var first = 0; first < leafCount; first++)
            {
                for (var end = first + 1; end <= leafCount; end++)
                {
                    var leaves = new VirtualRankRange(first, end - first);
                    using var accumulator = Gradients.Accumulate(tree, leaves, Count);
                    Assert.Equal(tree.Decompose(leaves), accumulator.Partials.Select(partial => partial.Subtree));
                    foreach (var (subtree, values) in accumulator.Partials)
                    {
                        var below = tree.LeavesOf(subtree);
                        var expected = Gradients.TreeSum(below.Count, leaf => Gradients.Leaf(below.First + leaf, Count));
                        Gradients.AssertSameBits(expected, values.AsSpan(), $"{subtree} of {leaves}");
                    }
                }
            }
        }
    }

    [Fact]
    public void ASecondStepReusesTheBuffers()
    {
        var leaves = new VirtualRankRange(0, 8);
        using var accumulator = Gradients.Accumulate(new CanonicalTree(8), leaves, 100);
        var buffers = NativeBuffer.LiveCount;
        var address = accumulator.Partials[0].Values.Address;

        Gradients.Refill(accumulator, leaves, seed: 2);

        Assert.Equal(buffers, NativeBuffer.LiveCount);
        Assert.Equal(address, accumulator.Partials[0].Values.Address);
        Assert.Equal(0, address % NativeBuffer.AlignmentBytes);
        Gradients.AssertSameBits(
            Gradients.TreeSum(8, leaf => Gradients.Leaf(leaf, 100, 2)), accumulator.Partials[0].Values.AsSpan(), "second step");
    }

    [Fact]
    public void PartialsAreRefusedWhileALeafIsMissing()
    {
        using var leaf = NativeBuffer.OfFloats(4);
        using var accumulator = new LeafAccumulator(new CanonicalTree(4), new VirtualRankRange(2, 2), 4);
        accumulator.Add(leaf.Floats);
        Assert.Contains("Leaf 3 is missing", Assert.Throws<InvalidOperationException>(() => accumulator.Partials).Message);
        accumulator.Add(leaf.Floats);
        Assert.True(accumulator.IsComplete);
        Assert.Throws<InvalidOperationException>(() => accumulator.Add(leaf.Floats));
    }

    [Fact]
    public void ALeafOfAnotherSizeIsRefused()
    {
        using var leaf = NativeBuffer.OfFloats(5);
        using var accumulator = new LeafAccumulator(new CanonicalTree(1), new VirtualRankRange(0, 1), 4);
        Assert.Throws<ArgumentOutOfRangeException>(() => accumulator.Add(leaf.Floats));
    }
}
