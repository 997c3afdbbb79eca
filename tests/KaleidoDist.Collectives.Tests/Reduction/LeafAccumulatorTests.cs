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

    [Fact]
    public void ALeafThatComesInPartsIsAddedAsAWholeOne()
    {
        const int Count = 37;
        (int Offset, int Count)[] parts = [(30, 7), (0, 1), (13, 17), (1, 12)];
        foreach (var leafCount in (int[])[1, 2, 5, 8, 11])
        {
            var tree = new CanonicalTree(leafCount);
            for (var first = 0; first < leafCount; first++)
            {
                var leaves = new VirtualRankRange(first, leafCount - first);
                using var whole = Gradients.Accumulate(tree, leaves, Count);
                using var inParts = new LeafAccumulator(tree, leaves, Count);
                using var leaf = NativeBuffer.OfFloats(Count);
                for (var number = first; number < leafCount; number++)
                {
                    Gradients.Leaf(number, Count).CopyTo(leaf.Floats.AsSpan());
                    inParts.BeginLeaf();
                    foreach (var (offset, count) in parts)
                    {
                        inParts.AddRange(leaf.Floats, offset, count);
                        if (number < leafCount - 1)
                            continue;
                        // The part is final: it has the bits of the whole before the other parts have come.
                        foreach (var (partial, expected) in inParts.PartialsOf(offset, count).Zip(whole.Partials))
                        {
                            Assert.Equal(expected.Subtree, partial.Subtree);
                            Gradients.AssertSameBits(expected.Values.Slice(offset, count).AsSpan(), partial.Values.AsSpan(), $"leaves {leaves}, from {offset}");
                        }
                    }

                    inParts.EndLeaf();
                }

                Assert.Equal(whole.Partials.Select(partial => partial.Subtree), inParts.Partials.Select(partial => partial.Subtree));
            }
        }
    }

    [Fact]
    public void ALeafInPartsIsRefusedWhileOneIsMissing()
    {
        using var leaf = NativeBuffer.OfFloats(4);
        using var accumulator = new LeafAccumulator(new CanonicalTree(2), new VirtualRankRange(0, 2), 4);
        Assert.Throws<InvalidOperationException>(() => accumulator.AddRange(leaf.Floats, 0, 4));
        accumulator.BeginLeaf();
        Assert.Throws<InvalidOperationException>(accumulator.BeginLeaf);
        accumulator.AddRange(leaf.Floats, 0, 3);
        Assert.Contains("Of leaf 0, 3 values came; expected 4", Assert.Throws<InvalidOperationException>(accumulator.EndLeaf).Message);
        Assert.Contains("Leaf 0 is missing", Assert.Throws<InvalidOperationException>(() => accumulator.PartialsOf(0, 3)).Message);
        accumulator.Reset();
        accumulator.Add(leaf.Floats);
        Assert.Equal(1, accumulator.NextLeaf);
    }
}
