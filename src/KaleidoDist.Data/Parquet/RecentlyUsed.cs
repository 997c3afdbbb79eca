using System.Diagnostics.CodeAnalysis;

namespace KaleidoDist.Data;

/// <summary>Keeps the last used values up to a fixed number. For one thread.</summary>
internal sealed class RecentlyUsed<TKey, TValue>
    where TKey : notnull
    where TValue : class
{
    private readonly int capacity;
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> nodes = [];
    private readonly LinkedList<(TKey Key, TValue Value)> order = [];

    /// <summary>Keeps at most <paramref name="capacity"/> values.</summary>
    public RecentlyUsed(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        this.capacity = capacity;
    }

    /// <summary>The values, last used first.</summary>
    public IEnumerable<TValue> Values => order.Select(e => e.Value);

    /// <summary>Finds a value and marks it as used.</summary>
    public bool TryGet(TKey key, [NotNullWhen(true)] out TValue? value)
    {
        value = null;
        if (!nodes.TryGetValue(key, out var node))
            return false;
        order.Remove(node);
        order.AddFirst(node);
        value = node.Value.Value;
        return true;
    }

    /// <summary>Adds a value that is not there yet; <paramref name="dropped"/> is the one that made room, or null.</summary>
    public void Add(TKey key, TValue value, out TValue? dropped)
    {
        dropped = null;
        if (nodes.Count == capacity)
        {
            var last = order.Last!;
            order.RemoveLast();
            nodes.Remove(last.Value.Key);
            dropped = last.Value.Value;
        }

        nodes.Add(key, order.AddFirst((key, value)));
    }
}
