namespace KaleidoDist.Coordinator;

/// <summary>The newest items of a sequence, each with a number that is never used twice. Not thread-safe.</summary>
/// <param name="capacity">Items kept.</param>
internal sealed class History<T>(int capacity)
{
    private readonly Queue<(long Id, T Item)> items = new();
    private long lastId;

    /// <summary>Adds an item, dropping the oldest when there are too many.</summary>
    public void Append(T item)
    {
        items.Enqueue((++lastId, item));
        if (items.Count > capacity)
            items.Dequeue();
    }

    /// <summary>Removes items that something newer replaced. Their numbers stay used.</summary>
    public void Remove(Predicate<T> isReplaced)
    {
        if (!items.Any(i => isReplaced(i.Item)))
            return;
        var kept = items.Where(i => !isReplaced(i.Item)).ToArray();
        items.Clear();
        foreach (var item in kept)
            items.Enqueue(item);
    }

    /// <summary>Items after a number, oldest first, and the number to go on from.</summary>
    public (IReadOnlyList<T> Items, long LastId) After(long id) => ([.. items.Where(i => i.Id > id).Select(i => i.Item)], lastId);

    /// <summary>The newest items, oldest first.</summary>
    public IReadOnlyList<T> Newest(int count) => [.. items.Skip(items.Count - count).Select(i => i.Item)];
}
