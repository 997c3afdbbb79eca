namespace KaleidoDist.Collectives;

/// <summary>
/// The one rule of the reduction, used by plan, decomposition and accumulation alike: subtrees arrive in order of leaves, and the two
/// on top merge as soon as they are children of one parent. It works like a binary counter, so it never holds more than about
/// log2(V) entries for leaves that begin at 0, twice that for any range.
/// </summary>
internal sealed class SubtreeStack(CanonicalTree tree)
{
    private readonly List<Subtree> entries = [];

    /// <summary>The subtrees held, in order of leaves.</summary>
    public IReadOnlyList<Subtree> Entries => entries;

    /// <summary>Number of subtrees held.</summary>
    public int Count => entries.Count;

    /// <summary>Puts the next subtree on top.</summary>
    public void Push(Subtree next) => entries.Add(tree.Canonical(next));

    /// <summary>Replaces the two topmost subtrees by their parent if they are its children.</summary>
    /// <returns>True when they were: the caller adds the value of the entry above to the value of the new top.</returns>
    public bool TryMerge()
    {
        if (entries.Count < 2 || !entries[^2].IsLeftChild || entries[^2].Sibling != entries[^1])
            return false;
        entries.RemoveAt(entries.Count - 1);
        entries[^1] = tree.Canonical(entries[^1].Parent);
        return true;
    }

    /// <summary>Empties the stack.</summary>
    public void Clear() => entries.Clear();
}
