using System.Collections.Concurrent;

namespace KaleidoDist.Coordinator;

/// <summary>Conditions that last, and are found again at every look: each is told of when it begins and when it ends, not in between. Thread-safe.</summary>
internal sealed class Episodes
{
    private readonly ConcurrentDictionary<string, bool> present = new(StringComparer.Ordinal);

    /// <summary>The condition is there.</summary>
    /// <returns>True when it was not before.</returns>
    public bool Begin(string of) => present.TryAdd(of, true);

    /// <summary>The condition is not there.</summary>
    /// <returns>True when it was before.</returns>
    public bool End(string of) => present.TryRemove(of, out _);
}
