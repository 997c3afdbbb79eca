namespace KaleidoDist.Collectives;

/// <summary>
/// What a GPU cannot say: that a peer died, has not come, or made another call. While the device works on a collective, a thread of this class
/// goes rounds over the control group in which every rank says which call it is in and whether it can move on: because its work is done, or
/// because its next call is queued behind. The first round of a call ends when all ranks have entered, the last one is that in which all move on;
/// a peer that is lost in between breaks the round under way, so everybody hears of it at once. The rank thread leaves the control group alone
/// until <see cref="IsOver"/>.
/// </summary>
internal sealed class LivenessLine : IDisposable
{
    /// <summary>Pause between two rounds of a rank that is still at work: a lost peer is noticed as soon, a round costs microseconds.</summary>
    private static readonly TimeSpan RoundPeriod = TimeSpan.FromMilliseconds(2);

    private const int BlockByteCount = CollectiveHeader.ByteCount + 1; // The last byte says that the rank can move on.

    private readonly ICollective control;
    private readonly TimeProvider time;
    private readonly Thread thread;
    private readonly byte[] own = new byte[BlockByteCount];
    private readonly byte[] all;
    private readonly object gate = new(); // Waited on as well, so not a Lock.

    // Under the gate.
    private readonly Queue<CollectiveHeader> calls = [];
    private bool isOwnWorkDone;
    private bool isStopping;
    private long? enteredAt;
    private Exception? fault;

    /// <summary>Starts the thread.</summary>
    public LivenessLine(ICollective control, TimeProvider time)
    {
        (this.control, this.time) = (control, time);
        all = new byte[BlockByteCount * control.WorldSize];
        thread = new Thread(Loop) { Name = $"liveness g{control.Generation} r{control.Rank}", IsBackground = true };
        thread.Start();
    }

    /// <summary>This rank begins a collective, behind those it has begun before.</summary>
    public void Enter(CollectiveHeader call)
    {
        lock (gate)
        {
            calls.Enqueue(call);
            isOwnWorkDone = false;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>This rank's part of all collectives it has begun is done.</summary>
    public void Leave()
    {
        lock (gate)
        {
            isOwnWorkDone = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Whether all ranks have left the collectives that this one began: the control group is free.</summary>
    public bool IsOver
    {
        get
        {
            lock (gate)
                return calls.Count == 0;
        }
    }

    /// <summary>How long ago every rank had entered the oldest collective under way; null while one has not.</summary>
    /// <exception cref="CollectiveException">A peer is lost, stays away, or made another call.</exception>
    public TimeSpan? SinceAllEntered()
    {
        lock (gate)
        {
            if (fault is not null)
                throw fault;
            return enteredAt is { } at ? time.GetElapsedTime(at) : null;
        }
    }

    /// <summary>Ends the thread; a round it is in ends with the control group.</summary>
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
            while (AwaitRound() is { } call)
            {
                control.AllGather(own, all);
                Compare(call);
                EndRound();
            }
        }
        catch (Exception error)
        {
            // Whatever it is, the rank thread gets to see it.
            lock (gate)
                fault = error;
        }
    }

    /// <summary>Waits until there is a round to go and fills in what this rank says in it.</summary>
    private CollectiveHeader? AwaitRound()
    {
        lock (gate)
        {
            while (calls.Count == 0 && !isStopping)
                Monitor.Wait(gate);
            if (enteredAt is not null && !CanMoveOn && !isStopping)
                Monitor.Wait(gate, RoundPeriod);
            if (isStopping)
                return null;
            calls.Peek().WriteTo(own);
            own[^1] = CanMoveOn ? (byte)1 : (byte)0;
            return calls.Peek();
        }
    }

    private bool CanMoveOn => isOwnWorkDone || calls.Count > 1;

    private void Compare(CollectiveHeader mine)
    {
        for (var peer = 0; peer < control.WorldSize; peer++)
        {
            var theirs = CollectiveHeader.Read(all.AsSpan(peer * BlockByteCount));
            if (theirs != mine)
                throw new CollectiveMismatchException(control.Rank, mine.Describe(), peer, theirs.Describe(), control.Generation);
        }
    }

    private void EndRound()
    {
        var doAllMoveOn = Enumerable.Range(1, control.WorldSize).All(end => all[end * BlockByteCount - 1] == 1);
        lock (gate)
        {
            enteredAt ??= time.GetTimestamp();
            if (!doAllMoveOn)
                return;
            calls.Dequeue();
            enteredAt = null;
        }
    }
}
