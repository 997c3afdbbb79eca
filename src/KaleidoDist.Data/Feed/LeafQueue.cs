using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace KaleidoDist.Data;

/// <summary>
/// Makes leaves ahead of their use on one background thread, a bounded number of them. What goes wrong there is thrown where the leaf is
/// missed; disposing stops the thread, waits for it and closes what it read from.
/// </summary>
internal sealed class LeafQueue : IDisposable
{
    private readonly BlockingCollection<Leaf> queue;
    private readonly CancellationTokenSource stop = new();
    private readonly Func<CancellationToken, IEnumerable<Leaf>> produce;
    private readonly IAsyncDisposable source;
    private readonly Thread producer;
    private ExceptionDispatchInfo? failure;

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

    /// <summary>Stops making leaves.</summary>
    public void Dispose()
    {
        stop.Cancel();
        producer.Join();
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
        }
    }
}
