using System.Collections.Concurrent;

namespace KaleidoDist.Worker;

/// <summary>
/// One thread that starts all rank processes and lives as long as the agent. PR_SET_PDEATHSIG fires when the thread that forked ends,
/// not the process: ranks started from pool threads would be killed at random.
/// </summary>
internal sealed class RankSpawner : IDisposable
{
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    /// <summary>Starts the thread.</summary>
    internal RankSpawner()
    {
        thread = new Thread(() =>
        {
            foreach (var action in work.GetConsumingEnumerable())
                action();
        })
        { IsBackground = true, Name = "rank spawner" };
        thread.Start();
    }

    /// <summary>Runs <paramref name="start"/> on the spawner's thread.</summary>
    internal Task<RankProcess> StartAsync(Func<RankProcess> start)
    {
        var started = new TaskCompletionSource<RankProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                started.SetResult(start());
            }
            catch (Exception error)
            {
                started.SetException(error);
            }
        });
        return started.Task;
    }

    /// <summary>Ends the thread, and with it every rank that still runs.</summary>
    public void Dispose()
    {
        work.CompleteAdding();
        thread.Join();
        work.Dispose();
    }
}
