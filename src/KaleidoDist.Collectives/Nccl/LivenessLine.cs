namespace KaleidoDist.Collectives;

/// <summary>
/// What a GPU cannot say: that a peer died, has not come, or made another call. While the device works on a collective, a thread of this class
/// carries out the same collective's header over the control group: the exchange ends when every rank has entered, fails when a connection
/// breaks or a rank stays away too long, and shows whether all made the same call. The rank thread leaves the control group alone meanwhile.
/// </summary>
internal sealed class LivenessLine : IDisposable
{
    private readonly ICollective control;
    private readonly TimeProvider time;
    private readonly Thread thread;
    private readonly byte[] own = new byte[CollectiveHeader.ByteCount];
    private readonly byte[] all;
    private readonly object gate = new(); // Waited on as well, so not a Lock.

    // Under the gate.
    private bool isUnderWay;
    private bool isStopping;
    private Exception? fault;
    private long enteredAt;

    /// <summary>Starts the thread.</summary>
    public LivenessLine(ICollective control, TimeProvider time)
    {
        (this.control, this.time) = (control, time);
        all = new byte[CollectiveHeader.ByteCount * control.WorldSize];
        thread = new Thread(Loop) { Name = $"liveness g{control.Generation} r{control.Rank}", IsBackground = true };
        thread.Start();
    }

    /// <summary>Tells the peers which collective this rank enters.</summary>
    public void Enter(CollectiveHeader header)
    {
        lock (gate)
        {
            header.WriteTo(own);
            isUnderWay = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>How long ago every rank had entered the current collective; null while one has not.</summary>
    /// <exception cref="CollectiveException">A peer is lost, stays away, or made another call.</exception>
    public TimeSpan? SinceAllEntered()
    {
        lock (gate)
        {
            if (fault is not null)
                throw fault;
            return isUnderWay ? null : time.GetElapsedTime(enteredAt);
        }
    }

    /// <summary>Ends the thread; a call it is in ends with the control group.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isStopping = true;
            Monitor.PulseAll(gate);
        }

        thread.Join();
    }

    private void Loop()
    {
        try
        {
            while (AwaitWork())
            {
                control.AllGather(own, all);
                Compare();
                lock (gate)
                    (enteredAt, isUnderWay) = (time.GetTimestamp(), false);
            }
        }
        catch (Exception error)
        {
            // Whatever it is, the rank thread gets to see it.
            lock (gate)
                fault = error;
        }
    }

    private bool AwaitWork()
    {
        lock (gate)
        {
            while (!isUnderWay && !isStopping)
                Monitor.Wait(gate);
            return isUnderWay;
        }
    }

    private void Compare()
    {
        var mine = CollectiveHeader.Read(own);
        for (var peer = 0; peer < control.WorldSize; peer++)
        {
            var theirs = CollectiveHeader.Read(all.AsSpan(peer * CollectiveHeader.ByteCount));
            if (theirs != mine)
                throw new CollectiveMismatchException(control.Rank, mine.Describe(), peer, theirs.Describe(), control.Generation);
        }
    }
}
