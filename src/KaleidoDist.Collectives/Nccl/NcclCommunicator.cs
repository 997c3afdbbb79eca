namespace KaleidoDist.Collectives;

/// <summary>
/// One rank's end of a communicator, from its forming to its end. It is non-blocking: no call waits for a peer, so the lock around each of
/// them is short, and <see cref="Abort"/> from another thread never finds the communicator in use. What a call began is settled by asking
/// again, with <c>keepWaiting</c> called between two questions: it throws when there is no hope left.
/// </summary>
internal sealed class NcclCommunicator : IDisposable
{
    // A bucket takes milliseconds: yield the processor about as long, then sleep.
    private const int YieldCount = 1000;

    private readonly NcclLibrary library;
    private readonly int rank;
    private readonly long generation;
    private readonly Lock gate = new();
    private nint handle; // Under the gate; 0 once it was given up.

    private NcclCommunicator(NcclLibrary library, int rank, long generation)
        => (this.library, this.rank, this.generation) = (library, rank, generation);

    /// <summary>Forms the communicator with all other ranks.</summary>
    /// <exception cref="NcclException">NCCL refused.</exception>
    public static NcclCommunicator Form(NcclLibrary library, NcclUniqueId id, int rank, int worldSize, long generation, Action keepWaiting)
    {
        var communicator = new NcclCommunicator(library, rank, generation);
        try
        {
            lock (communicator.gate)
                communicator.Require("ncclCommInitRankConfig", library.BeginCommunicator(out communicator.handle, worldSize, id, rank));
            communicator.Settle("ncclCommInitRankConfig", keepWaiting);
            return communicator;
        }
        catch
        {
            communicator.Abort();
            throw;
        }
    }

    /// <summary>Waits for something, with pauses that grow from nothing to a millisecond.</summary>
    public static void Await(Func<bool> isDone, Action keepWaiting)
    {
        var pause = new SpinWait();
        while (!isDone())
        {
            keepWaiting();
            pause.SpinOnce(YieldCount);
        }
    }

    /// <summary>Begins a set of transfers together.</summary>
    public void Transfer(IReadOnlyList<NcclTransfer> transfers, nint stream, Action keepWaiting)
    {
        lock (gate)
        {
            ThrowIfGivenUp();
            Require("ncclGroupStart", library.GroupStart());
            var (call, result) = ("", NcclResult.Success);
            foreach (var (peer, values, isSend) in transfers)
            {
                result = isSend ? library.Send(values, peer, handle, stream) : library.Receive(values, peer, handle, stream);
                call = isSend ? "ncclSend" : "ncclRecv";
                if (result is not (NcclResult.Success or NcclResult.InProgress))
                    break;
            }

            // A group that was opened is closed, whatever happened in it.
            var ended = library.GroupEnd();
            Require(call, result);
            Require("ncclGroupEnd", ended);
        }

        Settle("ncclGroupEnd", keepWaiting);
    }

    /// <summary>Begins NCCL's own all-reduce.</summary>
    public void AllReduce(FloatRange values, FloatRange result, nint stream, Action keepWaiting)
        => Call("ncclAllReduce", communicator => library.AllReduce(values, result, communicator, stream), keepWaiting);

    /// <summary>Begins a broadcast.</summary>
    public void Broadcast(FloatRange values, int root, nint stream, Action keepWaiting)
        => Call("ncclBroadcast", communicator => library.Broadcast(values, root, communicator, stream), keepWaiting);

    /// <summary>Throws when something that was begun has failed since.</summary>
    public void ThrowIfBroken(string call)
    {
        lock (gate)
        {
            ThrowIfGivenUp();
            Require(call, library.State(handle));
        }
    }

    /// <summary>Gives the communicator up, with whatever is under way on the device. May be called from any thread; only the first call does something.</summary>
    public void Abort()
    {
        lock (gate)
        {
            if (handle == 0)
                return;
            // Whether it worked or not: there is nothing else to do with it.
            _ = library.Abort(handle);
            handle = 0;
        }
    }

    /// <summary>Ends a communicator that is not broken, in good order: all ranks do so.</summary>
    public void End(Action keepWaiting)
    {
        try
        {
            Call("ncclCommFinalize", library.BeginFinalize, keepWaiting);
            lock (gate)
            {
                ThrowIfGivenUp();
                var finalized = handle;
                handle = 0;
                Require("ncclCommDestroy", library.Destroy(finalized));
            }
        }
        finally
        {
            Abort();
        }
    }

    /// <summary>Gives the communicator up if it was not ended.</summary>
    public void Dispose() => Abort();

    private void Call(string name, Func<nint, NcclResult> call, Action keepWaiting)
    {
        lock (gate)
        {
            ThrowIfGivenUp();
            Require(name, call(handle));
        }

        Settle(name, keepWaiting);
    }

    private void Settle(string call, Action keepWaiting)
        => Await(
            () =>
            {
                lock (gate)
                {
                    ThrowIfGivenUp();
                    var state = library.State(handle);
                    Require(call, state);
                    return state == NcclResult.Success;
                }
            },
            keepWaiting);

    private void ThrowIfGivenUp()
    {
        if (handle == 0)
            throw new NcclException(rank, generation, "the communicator", "it was given up");
    }

    private void Require(string call, NcclResult result)
    {
        if (result is NcclResult.Success or NcclResult.InProgress)
            return;
        var details = library.LastError(handle);
        throw new NcclException(rank, generation, call, details.Length > 0 ? $"{library.ErrorText(result)}; {details}" : library.ErrorText(result));
    }
}
