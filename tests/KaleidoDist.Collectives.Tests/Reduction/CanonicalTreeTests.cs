using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

public sealed class CanonicalTreeTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    [InlineData(5, 3)]
    [InlineData(8, 3)]
    [InlineData(9, 4)]
    public void TheRootIsTheLowestNodeAboveAllLeaves(int leafCount, int level)
    {
        var tree = new CanonicalTree(leafCount);
        Assert.Equal(new Subtree(level, 0), tree.Root);
        Assert.Equal(new VirtualRankRange(0, leafCount), tree.LeavesOf(tree.Root));
    }

    [Fact]
    public void ARangeDecomposesIntoItsLargestSubtrees()
    {
        var tree = new CanonicalTree(8);
        AssertDecomposes(tree, new VirtualRankRange(3, 3), new Subtree(0, 3), new Subtree(1, 2));
        AssertDecomposes(tree, new VirtualRankRange(1, 6), new Subtree(0, 1), new Subtree(1, 1), new Subtree(1, 2), new Subtree(0, 6));
        AssertDecomposes(tree, new VirtualRankRange(0, 8), tree.Root);
        AssertDecomposes(tree, new VirtualRankRange(4, 0));
    }

    [Fact]
    public void ANodeWithoutARightChildIsNamedByItsHighestEqual()
    {
        // Leaf 4 of five has no sibling, nor has its parent: it is the right child of the root.
        AssertDecomposes(new CanonicalTree(5), new VirtualRankRange(4, 1), new Subtree(2, 1));
        AssertDecomposes(new CanonicalTree(5), new VirtualRankRange(2, 3), new Subtree(1, 1), new Subtree(2, 1));
    }

    [Fact]
    public void EveryDecompositionTilesItsRangeWithinTheBound()
    {
        for (var leafCount = 1; leafCount <= 33; leafCount++)
        {
            var tree = new CanonicalTree(leafCount);
            for (var first = 0; first < leafCount; first++)
            {
                for (var end = first + 1; end <= leafCount; end++)
                {
                    var subtrees = tree.Decompose(new VirtualRankRange(first, end - first));
                    Assert.InRange(subtrees.Length, 1, Math.Max(1, 2 * tree.Root.Level));
                    var next = first;
                    foreach (var subtree in subtrees)
                    {
                        Assert.Equal(next, tree.LeavesOf(subtree).First);
                        next = tree.LeavesOf(subtree).End;
                    }

                    Assert.Equal(end, next);
                }
            }
        }
    }

    [Fact]
    public void PowersOfTwoGiveEveryRankExactlyOneSubtree()
    {
        for (var leafCount = 1; leafCount <= 64; leafCount *= 2)
        {
            for (var worldSize = 1; worldSize <= leafCount; worldSize *= 2)
            {
                var plan = new ReductionPlan(new CanonicalTree(leafCount), HostMap.Apart(worldSize));
                Assert.All(plan.Partials, partials => Assert.Single(partials));
            }
        }
    }

    [Fact]
    public void EveryPlanOfEveryWorldAddsAlongTheTree()
    {
        for (var leafCount = 1; leafCount <= 24; leafCount++)
        {
            var tree = new CanonicalTree(leafCount);
            var expected = Bracket(tree, tree.Root);
            for (var worldSize = 1; worldSize <= leafCount; worldSize++)
                Assert.Equal(expected, Evaluate(new ReductionPlan(tree, HostMap.Apart(worldSize))));
        }
    }

    [Fact]
    public void GroupingRanksIntoHostsChangesNoBracket()
    {
        var random = new KeyedRandom(7, RandomPurpose.Import);
        for (var trial = 0; trial < 400; trial++)
        {
            var leafCount = 1 + random.Next(24);
            var worldSize = 1 + random.Next(leafCount);
            var hosts = HostMap.Of([.. Enumerable.Range(0, worldSize).Select(_ => random.Next(worldSize))]);
            var tree = new CanonicalTree(leafCount);
            Assert.Equal(Bracket(tree, tree.Root), Evaluate(new ReductionPlan(tree, hosts)));
        }
    }

    [Fact]
    public void AHostSendsItsMergedSubtreesAlone()
    {
        // Leaves 0-3 and 4-7 on one host each: one partial per host, where the ranks hold two.
        var plan = new ReductionPlan(new CanonicalTree(8), HostMap.Of([0, 0, 1, 1]));
        Assert.Equal([new Subtree(2, 0)], plan.HostMerges[0].Outputs.Select(output => output.Subtree));
        Assert.Equal([new Subtree(2, 1)], plan.HostMerges[1].Outputs.Select(output => output.Subtree));
        // Ranks that take turns have no siblings.
        var mixed = new ReductionPlan(new CanonicalTree(8), HostMap.Of([0, 1, 0, 1]));
        Assert.Equal([new Subtree(1, 0), new Subtree(1, 2)], mixed.HostMerges[0].Outputs.Select(output => output.Subtree));
    }

    [Fact]
    public void TheThreeLeafTreeIsBracketedFromTheLeft()
        => Assert.Equal("((0+1)+2)", Evaluate(new ReductionPlan(new CanonicalTree(3), HostMap.Apart(3))));

    private static void AssertDecomposes(CanonicalTree tree, VirtualRankRange leaves, params Subtree[] expected)
        => Assert.Equal<IEnumerable<Subtree>>(expected, tree.Decompose(leaves));

    /// <summary>The value of a slot is the expression it stands for: equal text is equal bracketing.</summary>
    private static string Evaluate(ReductionPlan plan)
    {
        var byHost = plan.HostMerges.SelectMany((merge, host) => Merge(
            merge, [.. plan.Hosts.Ranks[host].SelectMany(rank => plan.Partials[rank]).Select(subtree => Bracket(plan.Tree, subtree))]));
        return Assert.Single(Merge(plan.Root, [.. byHost]));
    }

    private static string[] Merge(MergePlan plan, string[] inputs)
    {
        string[] slots = [.. inputs, .. new string[plan.ScratchCount]];
        foreach (var step in plan.Steps)
            slots[step.Destination] = $"({slots[step.Left]}+{slots[step.Right]})";
        return [.. plan.Outputs.Select(output => slots[output.Slot])];
    }

    private static string Bracket(CanonicalTree tree, Subtree node)
    {
        if (node.Level == 0)
            return $"{node.Index}";
        var left = new Subtree(node.Level - 1, 2 * node.Index);
        return left.Sibling.FirstLeaf >= tree.LeafCount
            ? Bracket(tree, left)
            : $"({Bracket(tree, left)}+{Bracket(tree, left.Sibling)})";
    }
}
