namespace KaleidoDist.Collectives;

/// <summary>
/// A node of the <see cref="CanonicalTree"/>: the leaves [<see cref="Index"/> * 2^<see cref="Level"/>, (<see cref="Index"/> + 1) * 2^<see cref="Level"/>),
/// cut off at the number of leaves. Level 0 nodes are the leaves themselves.
/// </summary>
/// <param name="Level">Height above the leaves.</param>
/// <param name="Index">Position among the nodes of the level.</param>
public readonly record struct Subtree(int Level, int Index)
{
    /// <summary>The first leaf below the node.</summary>
    public int FirstLeaf => Index << Level;

    /// <summary>True for the left child of a parent.</summary>
    public bool IsLeftChild => (Index & 1) == 0;

    /// <summary>The node one level up.</summary>
    public Subtree Parent => new(Level + 1, Index >> 1);

    /// <summary>The other child of the same parent.</summary>
    public Subtree Sibling => new(Level, Index ^ 1);

    /// <summary>The leaf with this number.</summary>
    public static Subtree Leaf(int number) => new(0, number);

    /// <summary>Level and index, as messages show them.</summary>
    public override string ToString() => $"subtree {Level}:{Index}";
}

/// <summary>The sum over the leaves of one subtree, as a rank holds it.</summary>
/// <param name="Subtree">Which leaves were summed.</param>
/// <param name="Values">The sum, <c>[N] float32</c>.</param>
public readonly record struct SubtreePartial(Subtree Subtree, FloatRange Values)
{
    /// <summary>The same partial for a part of the values only: a bucket.</summary>
    public SubtreePartial Slice(long offset, long count) => this with { Values = Values.Slice(offset, count) };
}
