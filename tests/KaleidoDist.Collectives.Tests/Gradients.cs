using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>Leaf gradients whose sum depends on the order of additions, and the slow sums to compare with.</summary>
internal static class Gradients
{
    /// <summary>Values of one leaf with exponents from 2^-12 to 2^12 and both signs: almost any other order of additions shows.</summary>
    public static float[] Leaf(int leaf, int count, ulong seed = 1)
    {
        var random = new KeyedRandom(seed, RandomPurpose.Initialization, (ulong)leaf);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var bits = random.NextUInt32();
            var mantissa = 1 + (bits & 0xFFFF) / 65536f;
            values[i] = MathF.ScaleB((bits >> 31) == 0 ? mantissa : -mantissa, (int)((bits >> 16) % 25) - 12);
        }

        return values;
    }

    /// <summary>The definition of the canonical sum, node by node: left child plus right child, or the left child alone.</summary>
    public static float[] TreeSum(int leafCount, Func<int, float[]> leaf)
    {
        var level = 0;
        while (1 << level < leafCount)
            level++;
        return Node(level, 0);

        float[] Node(int nodeLevel, int index)
        {
            if (nodeLevel == 0)
                return leaf(index);
            var left = Node(nodeLevel - 1, 2 * index);
            if ((2 * index + 1) << (nodeLevel - 1) >= leafCount)
                return left;
            var right = Node(nodeLevel - 1, 2 * index + 1);
            return [.. left.Zip(right, (a, b) => a + b)];
        }
    }

    /// <summary>Compares bits, so that -0 differs from 0 and no tolerance hides anything.</summary>
    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToUInt32Bits(expected[i]) != BitConverter.SingleToUInt32Bits(actual[i]))
                Assert.Fail($"{what}: value {i} is {actual[i]:R}; expected {expected[i]:R}.");
        }
    }

    /// <summary>Fills an accumulator with the leaves of a range.</summary>
    public static LeafAccumulator Accumulate(CanonicalTree tree, VirtualRankRange leaves, int count, ulong seed = 1)
    {
        var accumulator = new LeafAccumulator(tree, leaves, count);
        Refill(accumulator, leaves, seed);
        return accumulator;
    }

    /// <summary>Fills it for the next step.</summary>
    public static void Refill(LeafAccumulator accumulator, VirtualRankRange leaves, ulong seed)
    {
        using var buffer = NativeBuffer.OfFloats(accumulator.ElementCount);
        accumulator.Reset();
        for (var leaf = leaves.First; leaf < leaves.End; leaf++)
        {
            Leaf(leaf, (int)accumulator.ElementCount, seed).CopyTo(buffer.Floats.AsSpan());
            accumulator.Add(buffer.Floats);
        }
    }
}
