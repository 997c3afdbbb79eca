namespace KaleidoDist.Collectives.Tests;

/// <summary>The ranks of one generation as threads of this process, connected over loopback.</summary>
internal static class LoopbackGroup
{
    /// <summary>A test that needs longer hangs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static CollectiveOptions Options(int virtualRankCount, CollectiveTransport transport = CollectiveTransport.Tcp)
        => new() { VirtualRankCount = virtualRankCount, Transport = transport };

    /// <summary>Runs <paramref name="body"/> on every rank of a fresh group and returns what each rank threw, if anything.</summary>
    public static Exception?[] Run(int worldSize, CollectiveOptions options, Action<ICollective> body)
        => Run([.. Enumerable.Repeat(0, worldSize)], options, body);

    /// <summary>The same, with the host of each rank.</summary>
    public static Exception?[] Run(IReadOnlyList<int> hosts, CollectiveOptions options, Action<ICollective> body)
    {
        var worldSize = hosts.Count;
        using var listeners = new LoopbackListeners(worldSize);
        var membership = listeners.Membership(hosts: hosts);
        return RunRanks(worldSize, rank =>
        {
            using var collective = Collective.Form(membership, rank, listeners[rank], options, CancellationToken.None);
            body(collective);
        });
    }

    /// <summary>Waits for something another thread brings about.</summary>
    public static void Until(Func<bool> condition, string what)
        => Assert.True(SpinWait.SpinUntil(condition, Patience), $"Not within {Patience}: {what}.");

    /// <summary>Like <see cref="Run"/>, and no rank may fail.</summary>
    public static void RunWell(int worldSize, CollectiveOptions options, Action<ICollective> body)
        => AssertAllWell(Run(worldSize, options, body));

    /// <summary>The same, with the host of each rank.</summary>
    public static void RunWell(IReadOnlyList<int> hosts, CollectiveOptions options, Action<ICollective> body)
        => AssertAllWell(Run(hosts, options, body));

    public static void AssertAllWell(Exception?[] errors)
    {
        var failed = errors.Index().Where(error => error.Item is not null).Select(error => $"rank {error.Index}: {error.Item}").ToArray();
        Assert.True(failed.Length == 0, string.Join('\n', failed));
    }

    /// <summary>Runs one thread per rank to its end.</summary>
    public static Exception?[] RunRanks(int worldSize, Action<int> body)
    {
        var errors = new Exception?[worldSize];
        var threads = new Thread[worldSize];
        for (var i = 0; i < worldSize; i++)
        {
            var rank = i;
            threads[rank] = new Thread(() =>
            {
                try
                {
                    body(rank);
                }
                catch (Exception error)
                {
                    errors[rank] = error;
                }
            }) { IsBackground = true };
            threads[rank].Start();
        }

        foreach (var (rank, thread) in threads.Index())
            Assert.True(thread.Join(Patience), $"Rank {rank} did not end within {Patience}.");
        return errors;
    }
}
