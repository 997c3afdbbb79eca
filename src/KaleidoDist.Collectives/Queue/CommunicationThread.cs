using System.Runtime.ExceptionServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// The one thread of a group that touches its sockets. The rank thread queues calls, and waits for them when it needs what they bring;
/// they are carried out one after another. Between calls the thread sleeps in poll and watches the connections. The first fault is final:
/// the thread resets the connections and ends; whatever is queued then, or later, gets that fault.
/// </summary>
internal sealed class CommunicationThread : IDisposable
{
    private readonly ITransport transport;
    private readonly WakeEvent wake;
    private readonly Thread thread;
    private readonly object gate = new(); // Waited on as well, so not a Lock.

    // Under the gate.
    private readonly Queue<QueuedCall> queue = [];
    private ExceptionDispatchInfo? fault;
    private bool isStopping;

    /// <summary>Starts the thread.</summary>
    public CommunicationThread(ITransport transport, WakeEvent wake, string name)
    {
        this.transport = transport;
        this.wake = wake;
        thread = new Thread(Loop) { Name = name, IsBackground = true };
        thread.Start();
    }

    /// <summary>Queues a call.</summary>
    /// <exception cref="CollectiveException">An earlier one failed.</exception>
    public void Begin(QueuedCall call)
    {
        lock (gate)
        {
            fault?.Throw();
            ObjectDisposedException.ThrowIf(isStopping, this);
            if (call.State != CallState.Free)
                throw new InvalidOperationException("A collective is in progress; expected calls from the one rank thread only.");
            call.State = CallState.Queued;
            queue.Enqueue(call);
        }

        wake.Signal();
    }

    /// <summary>Returns when this rank's part of a queued call is done.</summary>
    /// <exception cref="CollectiveException">This one or an earlier one failed.</exception>
    public void Wait(QueuedCall call)
    {
        lock (gate)
        {
            while (call.State == CallState.Queued && fault is null)
                Monitor.Wait(gate);
            // A fault that came after the call was done is the next call's.
            var isDone = call.State == CallState.Done;
            call.State = CallState.Free;
            if (!isDone)
                fault!.Throw();
        }
    }

    /// <summary>True when <see cref="Wait"/> would not have to wait.</summary>
    public bool IsOver(QueuedCall call)
    {
        lock (gate)
            return call.State != CallState.Queued || fault is not null;
    }

    /// <summary>Ends the thread after the calls that are queued.</summary>
    public void Dispose()
    {
        lock (gate)
            isStopping = true;
        wake.Signal();
        thread.Join();
    }

    private void Loop()
    {
        try
        {
            while (Next() is { } call)
            {
                call.Prepare();
                transport.Run(call.Exchange!);
                Complete(call);
            }
        }
        catch (Exception error)
        {
            // Whatever it is, the rank thread gets to see it, and the peers get a reset.
            transport.GiveUp(error);
            lock (gate)
            {
                fault = ExceptionDispatchInfo.Capture(error);
                Monitor.PulseAll(gate);
            }
        }
    }

    private QueuedCall? Next()
    {
        while (true)
        {
            transport.ThrowIfAborted();
            lock (gate)
            {
                if (queue.TryDequeue(out var call))
                    return call;
                if (isStopping)
                    return null;
            }

            transport.WaitForWork();
        }
    }

    private void Complete(QueuedCall call)
    {
        lock (gate)
        {
            call.State = CallState.Done;
            Monitor.PulseAll(gate);
        }
    }
}
