using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// NVIDIA's NCCL in this process. It is not part of the program: the library is looked for where PyTorch and the system keep it, and
/// taken as it is. All values are float32 in device memory, all operations sums.
/// </summary>
internal sealed unsafe class NcclLibrary
{
    /// <summary>Environment variable that names the library file to take instead of looking for one.</summary>
    public const string PathVariable = "KALEIDO_NCCL";

    private const string FileName = "libnccl.so.2";
    private const int Float32 = 7, Sum = 0; // ncclFloat32, ncclSum

    private readonly NcclFunctions functions;

    /// <summary>A library that is already there.</summary>
    public NcclLibrary(NcclFunctions functions, string path)
    {
        this.functions = functions;
        Path = path;
    }

    /// <summary>Where it came from.</summary>
    public string Path { get; }

    /// <summary>Finds and loads the library: the one that <see cref="PathVariable"/> names, or the first one found beside libtorch, in PyTorch's wheels, in the system.</summary>
    /// <exception cref="KaleidoException">There is none, or what there is is not NCCL, or too old.</exception>
    public static NcclLibrary Load() => Load(Environment.GetEnvironmentVariable(PathVariable), Candidates(TorchRuntime.Folder));

    /// <summary>Loads <paramref name="named"/> if it is given, else the first of <paramref name="candidates"/> that can be loaded.</summary>
    internal static NcclLibrary Load(string? named, IReadOnlyList<string> candidates)
    {
        var tried = string.IsNullOrEmpty(named) ? candidates : [named];
        foreach (var path in tried)
        {
            if (!NativeLibrary.TryLoad(path, out var handle))
                continue;
            var library = new NcclLibrary(NcclFunctions.Of(handle, path), path);
            var version = library.Version();
            return version >= NcclConfig.FirstVersion
                ? library
                : throw new KaleidoException($"The NCCL in '{path}' is {Text(version)}; expected {Text(NcclConfig.FirstVersion)} or newer. Install one, or let {PathVariable} name it.");
        }

        var found = string.IsNullOrEmpty(named) ? $"looked for {string.Join(", ", candidates)}" : $"{PathVariable} names '{named}', which cannot be loaded";
        throw new KaleidoException($"NCCL is missing: {found}; expected {FileName} of NCCL {Text(NcclConfig.FirstVersion)} or newer. Install NVIDIA's libnccl2, or let {PathVariable} name the file.");
    }

    /// <summary>
    /// Where the library may be, in the order of trial: beside libtorch; in the wheel that PyTorch's wheel depends on
    /// (<c>site-packages/nvidia/nccl/lib</c> for <c>site-packages/torch/lib</c>); wherever the system's loader finds it.
    /// </summary>
    internal static IReadOnlyList<string> Candidates(string torchFolder) =>
    [
        System.IO.Path.Combine(torchFolder, FileName),
        System.IO.Path.GetFullPath(System.IO.Path.Combine(torchFolder, "../../nvidia/nccl/lib", FileName)),
        FileName,
    ];

    /// <summary>A version code as people write it: 22304 is 2.23.4.</summary>
    internal static string Text(int version) => $"{version / 10000}.{version / 100 % 100}.{version % 100}";

    /// <summary>The library's version code: major * 10000 + minor * 100 + patch.</summary>
    public int Version()
    {
        int version;
        var result = functions.GetVersion(&version);
        return result == NcclResult.Success
            ? version
            : throw new KaleidoException($"The NCCL in '{Path}' does not say its version: {ErrorText(result)}. Install another one, or let {PathVariable} name it.");
    }

    /// <summary>What a result means, in NCCL's words.</summary>
    public string ErrorText(NcclResult result)
        => $"{Marshal.PtrToStringUTF8(functions.GetErrorString(result)) ?? "unknown error"} (code {(int)result})";

    /// <summary>What NCCL last complained about, or nothing.</summary>
    /// <param name="communicator">The one it happened on, or 0.</param>
    public string LastError(nint communicator)
        => functions.GetLastError is not null && Marshal.PtrToStringUTF8(functions.GetLastError(communicator)) is { Length: > 0 } text ? text.Trim() : "";

    /// <summary>Draws the id of a new communicator.</summary>
    public NcclResult DrawUniqueId(out NcclUniqueId id)
    {
        fixed (NcclUniqueId* address = &id)
            return functions.GetUniqueId(address);
    }

    /// <summary>Begins to form a communicator; <see cref="State"/> tells when it is formed.</summary>
    public NcclResult BeginCommunicator(out nint communicator, int worldSize, NcclUniqueId id, int rank)
    {
        var config = NcclConfig.NonBlocking;
        nint created = 0;
        var result = functions.CommInitRankConfig(&created, worldSize, id, rank, &config);
        communicator = created;
        return result;
    }

    /// <summary>How the communicator is: fine, still busy with its last call, or broken.</summary>
    public NcclResult State(nint communicator)
    {
        NcclResult state;
        var result = functions.CommGetAsyncError(communicator, &state);
        return result == NcclResult.Success ? state : result;
    }

    /// <summary>Gives a communicator up, with whatever it is doing; it does not exist afterwards.</summary>
    public NcclResult Abort(nint communicator) => functions.CommAbort(communicator);

    /// <summary>Begins to end a communicator in good order; <see cref="State"/> tells when it may be destroyed.</summary>
    public NcclResult BeginFinalize(nint communicator) => functions.CommFinalize(communicator);

    /// <summary>Gives a finalized communicator back.</summary>
    public NcclResult Destroy(nint communicator) => functions.CommDestroy(communicator);

    /// <summary>Opens a group: what follows is begun together.</summary>
    public NcclResult GroupStart() => functions.GroupStart();

    /// <summary>Begins what was called since <see cref="GroupStart"/>.</summary>
    public NcclResult GroupEnd() => functions.GroupEnd();

    /// <summary>Sends values to a peer.</summary>
    public NcclResult Send(FloatRange values, int peer, nint communicator, nint stream)
        => functions.Send(values.Address, (nuint)values.Count, Float32, peer, communicator, stream);

    /// <summary>Receives values from a peer.</summary>
    public NcclResult Receive(FloatRange values, int peer, nint communicator, nint stream)
        => functions.Receive(values.Address, (nuint)values.Count, Float32, peer, communicator, stream);

    /// <summary>Sums values over all ranks, in NCCL's own order.</summary>
    public NcclResult AllReduce(FloatRange values, FloatRange result, nint communicator, nint stream)
        => functions.AllReduce(values.Address, result.Address, (nuint)values.Count, Float32, Sum, communicator, stream);

    /// <summary>Copies the values of <paramref name="root"/> to all ranks, in place.</summary>
    public NcclResult Broadcast(FloatRange values, int root, nint communicator, nint stream)
        => functions.Broadcast(values.Address, values.Address, (nuint)values.Count, Float32, root, communicator, stream);
}
