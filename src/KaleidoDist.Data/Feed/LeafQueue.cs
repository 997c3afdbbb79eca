using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace KaleidoDist.Data;

/// <summary>
/// Makes leaves ahead of their use on one background thread, a bounded number of them. What goes wrong there is thrown where the leaf is
/// missed; disposing stops the thread, waits a moment for it and closes what it read from.
/// </summary>
internal sealed class LeafQueue : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly BlockingCollection<Leaf> queue;
    private readonly CancellationTokenSource stop = new();
    private readonly Func<CancellationToken, IEnumerable<Leaf>> produce;
    private readonly IAsyncDisposable source;
    private readonly Thread producer;
    private ExceptionDispatchInfo? failure;
    private int users = 2; // the owner and the producer

    /// <summary>Starts to make leaves.</summary>
    /// <param name="produce">Makes them, in order.</param>
    /// <param name="source">Disposed with the queue, after the thread has ended.</param>
    /// <param name="capacity">Leaves made ahead.</param>
    public LeafQueue(Func<CancellationToken, IEnumerable<Leaf>> produce, IAsyncDisposable source, int capacity)
    {
        this.produce = produce;
        this.source = source;
        queue = new BlockingCollection<Leaf>(capacity);
        producer = new Thread(Produce) { IsBackground = true, Name = "leaf feed" };
        producer.Start();
    }

    /// <summary>The next leaf, or null after the last one. Waits for it.</summary>
    public Leaf? Next(CancellationToken cancel)
    {
        if (queue.TryTake(out var leaf, Timeout.Infinite, cancel))
            return leaf;
        failure?.Throw();
        return null;
    }

    /// <summary>Stops making leaves. A producer that storage holds up is left behind: it cleans up when it comes back.</summary>
    public void Dispose()
    {
        stop.Cancel();
        Release();
        producer.Join(Patience);
    }

    /// <summary>Whoever is the last of owner and producer gives everything back.</summary>
    private void Release()
    {
        if (Interlocked.Decrement(ref users) > 0)
            return;
        source.DisposeAsync().AsTask().GetAwaiter().GetResult();
        queue.Dispose();
        stop.Dispose();
    }

    private void Produce()
    {
        try
        {
            foreach (var leaf in produce(stop.Token))
                queue.Add(leaf, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Disposed: nobody waits for a leaf any more.
        }
        catch (Exception error)
        {
            failure = ExceptionDispatchInfo.Capture(error);
        }
        finally
        {
            queue.CompleteAdding();
            Release();
        }
    }
}
