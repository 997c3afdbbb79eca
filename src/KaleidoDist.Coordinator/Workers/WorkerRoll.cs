using System.Collections.Concurrent;

namespace KaleidoDist.Coordinator;

/// <summary>Ids of the workers whose leases are watched by this process.</summary>
internal sealed class WorkerRoll
{
    private readonly ConcurrentDictionary<string, bool> ids = new(StringComparer.Ordinal);

    /// <summary>All ids, in ordinal order.</summary>
    public IReadOnlyList<string> Ids => [.. ids.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Begins to watch.</summary>
    public void Add(string workerId) => ids[workerId] = true;

    /// <summary>Forgets.</summary>
    public void Remove(string workerId) => ids.TryRemove(workerId, out _);
}
