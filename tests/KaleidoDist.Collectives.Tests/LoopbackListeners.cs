using System.Net;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives.Tests;

/// <summary>One listener per rank on loopback, and the memberships they can form.</summary>
internal sealed class LoopbackListeners : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private readonly DataPlaneListener[] listeners;

    public LoopbackListeners(int worldSize) => listeners = [.. Enumerable.Range(0, worldSize).Select(_ => DataPlaneListener.Bind(IPAddress.Loopback))];

    public DataPlaneListener this[int rank] => listeners[rank];

    public Membership Membership(long generation = 1, IReadOnlyList<int>? hosts = null)
        => new(
            "job",
            generation,
            [.. listeners.Select((listener, rank) => new RankMember(rank, "worker", $"host-{hosts?[rank] ?? 0}", listener.EndpointAt("127.0.0.1")))],
            Key);

    public void Dispose() => Array.ForEach(listeners, listener => listener.Dispose());
}
