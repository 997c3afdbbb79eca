using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives.Tests;

/// <summary>One call into the fake, as NCCL gets to see it. Arguments that a function does not have are zero.</summary>
internal readonly record struct NcclCall(string Function, long Count = 0, int Type = 0, int Peer = 0, nint Stream = 0);

/// <summary>
/// NCCL as a test plays it: the library's function table filled with functions of this class. Transfers between ranks of this process really
/// happen, on the thread of the stream they were put on; every call is written down, and any can be made to fail.
/// </summary>
internal sealed unsafe class FakeNccl
{
    public const int Version = 22703;

    private static readonly ConcurrentDictionary<nint, Communicator> Communicators = new();
    private static readonly ConcurrentDictionary<(long World, int From, int To), BlockingCollection<float[]>> Mail = new();
    private static readonly ConcurrentDictionary<long, int> Joined = new();
    private static readonly nint ErrorText = Marshal.StringToCoTaskMemUTF8("the fake says no");
    private static readonly nint LastErrorText = Marshal.StringToCoTaskMemUTF8("cable pulled at port 7\n");
    private static long lastWorld;
    private static int lastHandle;

    [ThreadStatic]
    private static List<Transfer>? group; // Of the calling thread, between GroupStart and GroupEnd.

    [ThreadStatic]
    private static FakeNccl? ofThread; // Functions without a communicator belong to the rank whose thread calls.

    private readonly ConcurrentQueue<NcclCall> calls = new();

    /// <summary>What was called, in order.</summary>
    public IReadOnlyList<NcclCall> Calls => [.. calls];

    /// <summary>The version this rank's library says.</summary>
    public int SaysVersion { get; init; } = Version;

    /// <summary>Functions that fail, with what.</summary>
    public Dictionary<string, NcclResult> Failing { get; } = [];

    /// <summary>What the communicator's state is, once it is formed.</summary>
    public NcclResult AsyncError { get; set; }

    /// <summary>A communicator that never gets ready.</summary>
    public bool NeverForms { get; init; }

    /// <summary>How often a state was asked for before a call is settled.</summary>
    public int InProgressCount { get; init; }

    /// <summary>The library of the rank that calls this on its thread.</summary>
    public NcclLibrary Library()
    {
        ofThread = this;
        return new NcclLibrary(
            new NcclFunctions
            {
                GetVersion = &GetVersion,
                GetErrorString = &GetErrorString,
                GetLastError = &GetLastError,
                GetUniqueId = &GetUniqueId,
                CommInitRankConfig = &CommInitRankConfig,
                CommGetAsyncError = &CommGetAsyncError,
                CommAbort = &CommAbort,
                CommFinalize = &CommFinalize,
                CommDestroy = &CommDestroy,
                GroupStart = &GroupStart,
                GroupEnd = &GroupEnd,
                Send = &Send,
                Receive = &Receive,
                AllReduce = &AllReduce,
                Broadcast = &Broadcast,
            },
            "fake");
    }

    public int CountOf(string function) => Calls.Count(call => call.Function == function);

    [UnmanagedCallersOnly]
    private static NcclResult GetVersion(int* version)
    {
        *version = ofThread!.SaysVersion;
        return NcclResult.Success;
    }

    [UnmanagedCallersOnly]
    private static nint GetErrorString(NcclResult result) => ErrorText;

    [UnmanagedCallersOnly]
    private static nint GetLastError(nint communicator) => LastErrorText;

    [UnmanagedCallersOnly]
    private static NcclResult GetUniqueId(NcclUniqueId* id)
    {
        new Span<byte>(id, NcclUniqueId.ByteCount).Fill(0x5A);
        *(long*)id = Interlocked.Increment(ref lastWorld);
        return ofThread!.Take(new NcclCall("ncclGetUniqueId"));
    }

    [UnmanagedCallersOnly]
    private static NcclResult CommInitRankConfig(nint* communicator, int worldSize, NcclUniqueId id, int rank, NcclConfig* config)
    {
        if (config->Size != 24 || config->Magic != 0xCAFEBEEF || config->Version != 21400 || config->IsBlocking)
            return NcclResult.InvalidArgument;
        var bytes = id.ToBytes();
        if (bytes.AsSpan(8).ContainsAnyExcept((byte)0x5A))
            return NcclResult.InvalidUsage;
        var world = BitConverter.ToInt64(bytes);
        *communicator = Interlocked.Increment(ref lastHandle);
        Communicators[*communicator] = new Communicator(ofThread!, world, rank, worldSize);
        Joined.AddOrUpdate(world, 1, (_, count) => count + 1);
        return ofThread!.Take(new NcclCall("ncclCommInitRankConfig", worldSize, 0, rank)) is var result and not NcclResult.Success ? result : NcclResult.InProgress;
    }

    [UnmanagedCallersOnly]
    private static NcclResult CommGetAsyncError(nint handle, NcclResult* state)
    {
        var communicator = Communicators[handle];
        var formed = Joined[communicator.World] >= communicator.WorldSize && !communicator.Owner.NeverForms;
        *state = !formed || communicator.Unsettled-- > 0 ? NcclResult.InProgress : communicator.Owner.AsyncError;
        return NcclResult.Success;
    }

    [UnmanagedCallersOnly]
    private static NcclResult CommAbort(nint handle)
    {
        // A handle that was given back already is a fault of the caller: it shows as a call with peer -1.
        if (!Communicators.TryRemove(handle, out var communicator))
            return ofThread?.Take(new NcclCall("ncclCommAbort", Peer: -1)) ?? NcclResult.InvalidUsage;
        communicator.Aborted.Cancel();
        return communicator.Owner.Take(new NcclCall("ncclCommAbort"));
    }

    [UnmanagedCallersOnly]
    private static NcclResult CommFinalize(nint handle) => Communicators[handle].Owner.Take(new NcclCall("ncclCommFinalize"));

    [UnmanagedCallersOnly]
    private static NcclResult CommDestroy(nint handle)
        => Communicators.TryRemove(handle, out var communicator) ? communicator.Owner.Take(new NcclCall("ncclCommDestroy")) : NcclResult.InvalidUsage;

    [UnmanagedCallersOnly]
    private static NcclResult GroupStart()
    {
        if (group is not null)
            return NcclResult.InvalidUsage; // The last one was never closed.
        group = [];
        return ofThread!.Take(new NcclCall("ncclGroupStart"));
    }

    [UnmanagedCallersOnly]
    private static NcclResult GroupEnd()
    {
        if (group is null)
            return NcclResult.InvalidUsage;
        // All sends before all receives: nobody waits for a peer that waits itself.
        foreach (var side in group.GroupBy(transfer => transfer.Stream))
        {
            var transfers = side.OrderBy(transfer => transfer.IsSend ? 0 : 1).ToArray();
            FakeGpu.OfStream(side.Key).Post(() => Array.ForEach(transfers, Carry));
        }

        group = null;
        return ofThread!.Take(new NcclCall("ncclGroupEnd"));
    }

    [UnmanagedCallersOnly]
    private static NcclResult Send(nint values, nuint count, int type, int peer, nint communicator, nint stream)
        => Put("ncclSend", new Transfer(Communicators[communicator], new FloatRange(values, (long)count), peer, stream, IsSend: true), type);

    [UnmanagedCallersOnly]
    private static NcclResult Receive(nint values, nuint count, int type, int peer, nint communicator, nint stream)
        => Put("ncclRecv", new Transfer(Communicators[communicator], new FloatRange(values, (long)count), peer, stream, IsSend: false), type);

    [UnmanagedCallersOnly]
    private static NcclResult AllReduce(nint values, nint result, nuint count, int type, int operation, nint handle, nint stream)
    {
        var communicator = Communicators[handle];
        FloatRange source = new(values, (long)count), destination = new(result, (long)count);
        FakeGpu.OfStream(stream).Post(() =>
        {
            var all = Everybody(communicator).Where(peer => peer != communicator.Rank).ToArray();
            foreach (var peer in all)
                Carry(new Transfer(communicator, source, peer, stream, IsSend: true));
            var parts = new float[communicator.WorldSize][];
            parts[communicator.Rank] = source.AsSpan().ToArray();
            foreach (var peer in all)
                parts[peer] = Take(communicator, peer) ?? new float[(int)count];
            parts.Aggregate((sum, part) => [.. sum.Zip(part, (a, b) => a + b)]).CopyTo(destination.AsSpan());
        });
        return communicator.Owner.Take(new NcclCall("ncclAllReduce", (long)count, type, operation, stream));
    }

    [UnmanagedCallersOnly]
    private static NcclResult Broadcast(nint values, nint result, nuint count, int type, int root, nint handle, nint stream)
    {
        var communicator = Communicators[handle];
        var range = new FloatRange(result, (long)count);
        FakeGpu.OfStream(stream).Post(() =>
        {
            foreach (var peer in Everybody(communicator).Where(peer => communicator.Rank == root && peer != root))
                Carry(new Transfer(communicator, range, peer, stream, IsSend: true));
            if (communicator.Rank != root)
                Carry(new Transfer(communicator, range, root, stream, IsSend: false));
        });
        return communicator.Owner.Take(new NcclCall("ncclBroadcast", (long)count, type, root, stream));
    }

    private static NcclResult Put(string function, Transfer transfer, int type)
    {
        group!.Add(transfer);
        return transfer.Communicator.Owner.Take(new NcclCall(function, transfer.Values.Count, type, transfer.Peer, transfer.Stream));
    }

    private static void Carry(Transfer transfer)
    {
        var own = transfer.Communicator;
        if (transfer.IsSend)
            Box(own.World, own.Rank, transfer.Peer).Add(transfer.Values.AsSpan().ToArray());
        else if (Take(own, transfer.Peer) is { } values)
            values.AsSpan(0, (int)Math.Min(values.Length, transfer.Values.Count)).CopyTo(transfer.Values.AsSpan()); // Calls that do not match move what fits.
    }

    private static float[]? Take(Communicator own, int peer)
    {
        try
        {
            return Box(own.World, peer, own.Rank).Take(own.Aborted.Token);
        }
        catch (OperationCanceledException)
        {
            return null; // As a kernel that an abort ends: its result is undefined.
        }
    }

    private static BlockingCollection<float[]> Box(long world, int from, int to) => Mail.GetOrAdd((world, from, to), _ => []);

    private static IEnumerable<int> Everybody(Communicator communicator) => Enumerable.Range(0, communicator.WorldSize);

    private NcclResult Take(NcclCall call)
    {
        calls.Enqueue(call);
        return Failing.GetValueOrDefault(call.Function, NcclResult.Success);
    }

    private sealed class Communicator(FakeNccl owner, long world, int rank, int worldSize)
    {
        public FakeNccl Owner => owner;

        public long World => world;

        public int Rank => rank;

        public int WorldSize => worldSize;

        public int Unsettled { get; set; } = owner.InProgressCount;

        public CancellationTokenSource Aborted { get; } = new();
    }

    private readonly record struct Transfer(Communicator Communicator, FloatRange Values, int Peer, nint Stream, bool IsSend);
}
