using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// The functions of NCCL that the collectives call, as pointers: those of a library, or a test's own. Names and arguments are those of
/// nccl.h, in C# spelling.
/// </summary>
internal unsafe struct NcclFunctions
{
    /// <summary>ncclGetVersion(int* version).</summary>
    public delegate* unmanaged<int*, NcclResult> GetVersion;

    /// <summary>ncclGetErrorString(result): text that NCCL owns.</summary>
    public delegate* unmanaged<NcclResult, nint> GetErrorString;

    /// <summary>ncclGetLastError(comm): text that NCCL owns; null in libraries older than 2.13.</summary>
    public delegate* unmanaged<nint, nint> GetLastError;

    /// <summary>ncclGetUniqueId(id*).</summary>
    public delegate* unmanaged<NcclUniqueId*, NcclResult> GetUniqueId;

    /// <summary>ncclCommInitRankConfig(comm*, nranks, id, rank, config*).</summary>
    public delegate* unmanaged<nint*, int, NcclUniqueId, int, NcclConfig*, NcclResult> CommInitRankConfig;

    /// <summary>ncclCommGetAsyncError(comm, result*).</summary>
    public delegate* unmanaged<nint, NcclResult*, NcclResult> CommGetAsyncError;

    /// <summary>ncclCommAbort(comm).</summary>
    public delegate* unmanaged<nint, NcclResult> CommAbort;

    /// <summary>ncclCommFinalize(comm).</summary>
    public delegate* unmanaged<nint, NcclResult> CommFinalize;

    /// <summary>ncclCommDestroy(comm).</summary>
    public delegate* unmanaged<nint, NcclResult> CommDestroy;

    /// <summary>ncclGroupStart().</summary>
    public delegate* unmanaged<NcclResult> GroupStart;

    /// <summary>ncclGroupEnd().</summary>
    public delegate* unmanaged<NcclResult> GroupEnd;

    /// <summary>ncclSend(buffer, count, type, peer, comm, stream).</summary>
    public delegate* unmanaged<nint, nuint, int, int, nint, nint, NcclResult> Send;

    /// <summary>ncclRecv(buffer, count, type, peer, comm, stream).</summary>
    public delegate* unmanaged<nint, nuint, int, int, nint, nint, NcclResult> Receive;

    /// <summary>ncclAllReduce(send, receive, count, type, operation, comm, stream).</summary>
    public delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, NcclResult> AllReduce;

    /// <summary>ncclBroadcast(send, receive, count, type, root, comm, stream).</summary>
    public delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, NcclResult> Broadcast;

    /// <summary>Finds all functions in a loaded library.</summary>
    /// <exception cref="KaleidoException">One is missing: not NCCL, or one that is too old.</exception>
    public static NcclFunctions Of(nint library, string path)
    {
        nint Find(string name) => NativeLibrary.TryGetExport(library, name, out var address)
            ? address
            : throw new KaleidoException($"The library '{path}' has no function {name}; expected NCCL {NcclLibrary.Text(NcclConfig.FirstVersion)} or newer. Install one, or let {NcclLibrary.PathVariable} name it.");
        return new NcclFunctions
        {
            GetVersion = (delegate* unmanaged<int*, NcclResult>)Find("ncclGetVersion"),
            GetErrorString = (delegate* unmanaged<NcclResult, nint>)Find("ncclGetErrorString"),
            GetLastError = (delegate* unmanaged<nint, nint>)(NativeLibrary.TryGetExport(library, "ncclGetLastError", out var lastError) ? lastError : 0),
            GetUniqueId = (delegate* unmanaged<NcclUniqueId*, NcclResult>)Find("ncclGetUniqueId"),
            CommInitRankConfig = (delegate* unmanaged<nint*, int, NcclUniqueId, int, NcclConfig*, NcclResult>)Find("ncclCommInitRankConfig"),
            CommGetAsyncError = (delegate* unmanaged<nint, NcclResult*, NcclResult>)Find("ncclCommGetAsyncError"),
            CommAbort = (delegate* unmanaged<nint, NcclResult>)Find("ncclCommAbort"),
            CommFinalize = (delegate* unmanaged<nint, NcclResult>)Find("ncclCommFinalize"),
            CommDestroy = (delegate* unmanaged<nint, NcclResult>)Find("ncclCommDestroy"),
            GroupStart = (delegate* unmanaged<NcclResult>)Find("ncclGroupStart"),
            GroupEnd = (delegate* unmanaged<NcclResult>)Find("ncclGroupEnd"),
            Send = (delegate* unmanaged<nint, nuint, int, int, nint, nint, NcclResult>)Find("ncclSend"),
            Receive = (delegate* unmanaged<nint, nuint, int, int, nint, nint, NcclResult>)Find("ncclRecv"),
            AllReduce = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, NcclResult>)Find("ncclAllReduce"),
            Broadcast = (delegate* unmanaged<nint, nint, nuint, int, int, nint, nint, NcclResult>)Find("ncclBroadcast"),
        };
    }
}
