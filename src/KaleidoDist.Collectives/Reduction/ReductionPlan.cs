using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>One addition of a <see cref="ReductionPlan"/>: slot <see cref="Destination"/> = slot <see cref="Left"/> + slot <see cref="Right"/>.</summary>
/// <param name="Left">Slot of the left child's value.</param>
/// <param name="Right">Slot of the right child's value.</param>
/// <param name="Destination">A scratch slot, or <see cref="ReductionPlan.Result"/> in the last step.</param>
internal readonly record struct CombineStep(int Left, int Right, int Destination);

/// <summary>
/// How the partials of all ranks become the root's value. Slots [0, <see cref="Inputs"/>) are the partials, rank after rank, and are only
/// read; the <see cref="ScratchCount"/> slots behind them hold values between steps; the result is written by the last step alone, so it
/// may lie on top of any input.
/// </summary>
internal sealed class ReductionPlan
{
    /// <summary>The slot of the result.</summary>
    public const int Result = -1;

    /// <summary>The plan for <paramref name="worldSize"/> ranks that host the leaves of <paramref name="tree"/>.</summary>
    public ReductionPlan(CanonicalTree tree, int worldSize)
    {
        Tree = tree;
        Partials = [.. Enumerable.Range(0, worldSize)
            .Select(rank => tree.Decompose(VirtualRankRange.Of(rank, worldSize, tree.LeafCount)))];
        FirstInput = [.. Enumerable.Range(0, worldSize + 1).Select(rank => Partials.Take(rank).Sum(subtrees => subtrees.Length))];
        (Steps, ScratchCount) = Schedule(tree, [.. Partials.SelectMany(subtrees => subtrees)]);
    }

    /// <summary>The tree the plan follows.</summary>
    public CanonicalTree Tree { get; }

    /// <summary>The subtrees each rank holds, by rank.</summary>
    public ImmutableArray<ImmutableArray<Subtree>> Partials { get; }

    /// <summary>By rank, the slot of its first partial; one more entry marks the end.</summary>
    public ImmutableArray<int> FirstInput { get; }

    /// <summary>Number of partials of all ranks.</summary>
    public int Inputs => FirstInput[^1];

    /// <summary>Number of scratch slots.</summary>
    public int ScratchCount { get; }

    /// <summary>The additions, in order. Empty when a single partial is the root.</summary>
    public ImmutableArray<CombineStep> Steps { get; }

    private static (ImmutableArray<CombineStep> Steps, int ScratchCount) Schedule(CanonicalTree tree, ImmutableArray<Subtree> inputs)
    {
        var steps = ImmutableArray.CreateBuilder<CombineStep>();
        var stack = new SubtreeStack(tree);
        var slots = new List<int>(); // Where the value of each stack entry is.
        for (var input = 0; input < inputs.Length; input++)
        {
            stack.Push(inputs[input]);
            slots.Add(input);
            while (stack.TryMerge())
            {
                // A merged value lives in the scratch slot of its depth: whatever is deeper has its own.
                var scratch = inputs.Length + stack.Count - 1;
                steps.Add(new CombineStep(slots[^2], slots[^1], scratch));
                slots.RemoveAt(slots.Count - 1);
                slots[^1] = scratch;
            }
        }

        if (stack.Count != 1 || stack.Entries[0] != tree.Root)
            throw new InvalidOperationException($"The partials of all ranks do not make up the tree over {tree.LeafCount} leaves.");
        if (steps.Count > 0)
            steps[^1] = steps[^1] with { Destination = Result };
        var scratchCount = steps.Count == 0 ? 0 : Math.Max(0, steps.Max(step => step.Destination) + 1 - inputs.Length);
        return (steps.ToImmutable(), scratchCount);
    }
}
