using System.Collections.Immutable;

namespace KaleidoDist.Collectives;

/// <summary>One addition of a <see cref="MergePlan"/>: slot <see cref="Destination"/> = slot <see cref="Left"/> + slot <see cref="Right"/>.</summary>
/// <param name="Left">Slot of the left child's value.</param>
/// <param name="Right">Slot of the right child's value.</param>
/// <param name="Destination">A scratch slot.</param>
internal readonly record struct MergeStep(int Left, int Right, int Destination);

/// <summary>What a <see cref="MergePlan"/> leaves: a subtree, and the slot that holds its value.</summary>
internal readonly record struct MergeOutput(Subtree Subtree, int Slot);

/// <summary>
/// How partials become those of their union: siblings are added, as far up the tree as the partials reach. Slots [0, <see cref="Inputs"/>)
/// are the partials, in the order they were given, and are only read; the <see cref="ScratchCount"/> slots behind them hold sums. A sole
/// output that is a sum is written by the last step alone, so it may lie on top of any input.
/// </summary>
internal sealed class MergePlan
{
    /// <summary>The plan for disjoint subtrees of <paramref name="tree"/>.</summary>
    public MergePlan(CanonicalTree tree, IReadOnlyList<Subtree> inputs)
    {
        Inputs = inputs.Count;
        var steps = ImmutableArray.CreateBuilder<MergeStep>();
        var stack = new SubtreeStack(tree);
        var slots = new List<int>(); // Where the value of each stack entry is.
        foreach (var input in Enumerable.Range(0, inputs.Count).OrderBy(input => inputs[input].FirstLeaf))
        {
            stack.Push(inputs[input]);
            slots.Add(input);
            while (stack.TryMerge())
            {
                // A merged value lives in the scratch slot of its depth: whatever is deeper has its own.
                var scratch = inputs.Count + stack.Count - 1;
                steps.Add(new MergeStep(slots[^2], slots[^1], scratch));
                slots.RemoveAt(slots.Count - 1);
                slots[^1] = scratch;
            }
        }

        Steps = steps.ToImmutable();
        Outputs = [.. stack.Entries.Zip(slots, (subtree, slot) => new MergeOutput(subtree, slot))];
        ScratchCount = Steps.IsEmpty ? 0 : Steps.Max(step => step.Destination) + 1 - Inputs;
    }

    /// <summary>Number of partials given.</summary>
    public int Inputs { get; }

    /// <summary>Number of scratch slots.</summary>
    public int ScratchCount { get; }

    /// <summary>The additions, in order. Empty when no two partials are siblings.</summary>
    public ImmutableArray<MergeStep> Steps { get; }

    /// <summary>What is left, in order of leaves.</summary>
    public ImmutableArray<MergeOutput> Outputs { get; }
}
