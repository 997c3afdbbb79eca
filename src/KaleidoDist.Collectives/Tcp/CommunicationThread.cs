using System.Runtime.ExceptionServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// The one thread of a group that touches its sockets. The rank thread hands it one exchange at a time and waits; between exchanges it
/// sleeps in poll and watches the connections. The first fault is final: the thread resets the connections and ends, and every later call
/// gets that fault.
/// </summary>
internal sealed class CommunicationThread : IDisposable
{
    private readonly PeerMesh mesh;
    private readonly WakeEvent wake;
    private readonly Thread thread;
    private readonly object gate = new(); // Waited on as well, so not a Lock.

    // Under the gate.
    private Exchange? pending;
    private ExceptionDispatchInfo? fault;
    private bool isStopping;

    /// <summary>Starts the thread.</summary>
    public CommunicationThread(PeerMesh mesh, WakeEvent wake, string name)
    {
        this.mesh = mesh;
        this.wake = wake;
        thread = new Thread(Loop) { Name = name, IsBackground = true };
        thread.Start();
    }

    /// <summary>Carries out an exchange and returns when this rank's part of it is done.</summary>
    /// <exception cref="CollectiveException">This one or an earlier one failed.</exception>
    public void Run(Exchange exchange)
    {
        lock (gate)
        {
            fault?.Throw();
            ObjectDisposedException.ThrowIf(isStopping, this);
            if (pending is not null)
                throw new InvalidOperationException("A collective is in progress; expected calls from the one rank thread only.");
            pending = exchange;
            wake.Signal();
            while (pending is not null && fault is null)
                Monitor.Wait(gate);
            // Only a fault of this exchange left it pending: one that came after it was done is the next one's.
            if (pending is not null)
                fault!.Throw();
        }
    }

    /// <summary>Ends the thread; no exchange may be in progress.</summary>
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
            while (Next() is { } exchange)
            {
                mesh.Run(exchange);
                Complete();
            }
        }
        catch (Exception error)
        {
            // Whatever it is, the rank thread gets to see it, and the peers get a reset.
            mesh.Reset();
            lock (gate)
            {
                fault = ExceptionDispatchInfo.Capture(error);
                Monitor.PulseAll(gate);
            }
        }
    }

    private Exchange? Next()
    {
        while (true)
        {
            mesh.ThrowIfAborted();
            lock (gate)
            {
                if (pending is not null || isStopping)
                    return pending;
            }

            mesh.WaitForWork();
        }
    }

    private void Complete()
    {
        lock (gate)
        {
            pending = null;
            Monitor.PulseAll(gate);
        }
    }
}
