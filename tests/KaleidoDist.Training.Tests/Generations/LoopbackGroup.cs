using System.Net;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;

namespace KaleidoDist.Training.Tests;

/// <summary>Ranks of one generation as threads of this process.</summary>
internal static class LoopbackGroup
{
    /// <summary>Forms a group of <paramref name="size"/> ranks and runs each rank's part on a thread of its own; returns the results by rank.</summary>
    public static T[] Run<T>(int size, int virtualRanks, Func<ICollective, T> part)
    {
        var listeners = Enumerable.Range(0, size).Select(_ => DataPlaneListener.Bind(IPAddress.Loopback)).ToArray();
        try
        {
            var membership = new Membership("micro", 2, [.. listeners.Select((l, r) => new RankMember(r, $"w{r}", "host", l.EndpointAt("127.0.0.1")))], new byte[32]);
            var parts = listeners.Select((listener, rank) => Task.Factory.StartNew(
                () =>
                {
                    using var collective = Collective.Form(membership, rank, listener, new CollectiveOptions { VirtualRankCount = virtualRanks }, CancellationToken.None);
                    return part(collective);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            try
            {
                return Task.WhenAll(parts).GetAwaiter().GetResult();
            }
            catch (CollectiveException)
            {
                // The peers' loss follows from what one rank threw: that is the news.
                throw parts.SelectMany(p => p.Exception?.InnerExceptions ?? []).OrderBy(e => e is CollectiveException).First();
            }
        }
        finally
        {
            foreach (var listener in listeners)
                listener.Dispose();
        }
    }
}
