using System.Collections.Concurrent;
using System.Threading.Channels;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Commands on their way to one worker's stream. Bounded: a worker that does not read them loses its stream, never a single command,
/// because on the next stream it reports what it runs and is set right.
/// </summary>
internal sealed class WorkerOutbox(string workerId, string incarnation, long session)
{
    private const int MaxQueued = 1024;
    private readonly Channel<CoordinatorMessage> queue = Channel.CreateBounded<CoordinatorMessage>(new BoundedChannelOptions(MaxQueued) { SingleReader = true });

    /// <summary>The worker.</summary>
    public string WorkerId => workerId;

    /// <summary>Its process.</summary>
    public string Incarnation => incarnation;

    /// <summary>Its stream.</summary>
    public long Session => session;

    /// <summary>Commands, oldest first; ends when the stream is to end.</summary>
    public IAsyncEnumerable<CoordinatorMessage> ReadAllAsync(CancellationToken cancellation) => queue.Reader.ReadAllAsync(cancellation);

    /// <summary>Queues a command.</summary>
    /// <returns>False when the stream is over, or is ended now because its worker does not read.</returns>
    public bool TrySend(CoordinatorMessage message)
    {
        if (queue.Writer.TryWrite(message))
            return true;
        Complete();
        return false;
    }

    /// <summary>Ends the stream after what is queued.</summary>
    public void Complete() => queue.Writer.TryComplete();
}

/// <summary>Where to hand commands for a worker: worker id to its newest stream.</summary>
internal sealed class WorkerHub
{
    private readonly ConcurrentDictionary<string, WorkerOutbox> outboxes = new(StringComparer.Ordinal);
    private long lastSession;

    /// <summary>A number for a new stream, higher than all before.</summary>
    public long NextSession() => Interlocked.Increment(ref lastSession);

    /// <summary>Makes a stream the worker's newest and ends the one before it.</summary>
    public void Attach(WorkerOutbox outbox)
    {
        WorkerOutbox? older = null;
        outboxes.AddOrUpdate(outbox.WorkerId, outbox, (_, present) =>
        {
            older = present;
            return outbox;
        });
        if (older is null)
            return;
        if (older.Incarnation != outbox.Incarnation)
            older.TrySend(WireOrders.Superseded(outbox.WorkerId));
        older.Complete();
    }

    /// <summary>Ends a stream if it is still the worker's newest.</summary>
    public void Close(string workerId, long session)
    {
        if (outboxes.TryGetValue(workerId, out var outbox) && outbox.Session == session && outboxes.TryRemove(new KeyValuePair<string, WorkerOutbox>(workerId, outbox)))
            outbox.Complete();
    }

    /// <summary>Hands a command to a worker.</summary>
    /// <returns>False when it has no stream.</returns>
    public bool TrySend(string workerId, CoordinatorMessage message) => outboxes.TryGetValue(workerId, out var outbox) && outbox.TrySend(message);
}
