using System.Runtime.InteropServices;
using KaleidoDist.Contracts;

namespace KaleidoDist.Collectives;

/// <summary>
/// What TorchSharp does not bind of streams: from libtorch's stable C ABI those that libtorch must know of (its pool, the current one), from
/// the CUDA driver the rest. The driver's library has one name on every machine, where the CUDA runtime's file is named anew by each package.
/// </summary>
internal unsafe struct NcclCudaFunctions
{
    private const string TorchCuda = "libtorch_cuda.so", Driver = "libcuda.so.1";

    /// <summary>aoti_torch_get_current_cuda_stream(device, stream*).</summary>
    public delegate* unmanaged<int, nint*, int> GetCurrentStream;

    /// <summary>torch_get_cuda_stream_from_pool(isHighPriority, device, stream*); since libtorch 2.10.</summary>
    public delegate* unmanaged<byte, int, nint*, int> GetStreamFromPool;

    /// <summary>aoti_torch_create_cuda_stream_guard(stream, device, guard*).</summary>
    public delegate* unmanaged<nint, int, nint*, int> CreateStreamGuard;

    /// <summary>aoti_torch_delete_cuda_stream_guard(guard).</summary>
    public delegate* unmanaged<nint, int> DeleteStreamGuard;

    /// <summary>cuDeviceGet(device*, ordinal).</summary>
    public delegate* unmanaged<int*, int, int> DeviceGet;

    /// <summary>cuDeviceGetUuid_v2(uuid*, device).</summary>
    public delegate* unmanaged<byte*, int, int> DeviceGetUuid;

    /// <summary>cuEventCreate(event*, flags).</summary>
    public delegate* unmanaged<nint*, uint, int> EventCreate;

    /// <summary>cuEventRecord(event, stream).</summary>
    public delegate* unmanaged<nint, nint, int> EventRecord;

    /// <summary>cuStreamWaitEvent(stream, event, flags).</summary>
    public delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent;

    /// <summary>cuStreamQuery(stream).</summary>
    public delegate* unmanaged<nint, int> StreamQuery;

    /// <summary>cuEventDestroy_v2(event).</summary>
    public delegate* unmanaged<nint, int> EventDestroy;

    /// <summary>Finds all functions in the libtorch of this process and in the driver.</summary>
    /// <exception cref="KaleidoException">This libtorch is not built for CUDA, or there is no driver, or a function is missing.</exception>
    public static NcclCudaFunctions Load() => Load(Path.Combine(TorchRuntime.Folder, TorchCuda), Driver);

    /// <summary>Finds all functions in two libraries.</summary>
    internal static NcclCudaFunctions Load(string torchCuda, string driver)
    {
        nint torch = Open(torchCuda, "a build with -p:TorchBackend=cuda"), cuda = Open(driver, "an NVIDIA driver");
        return new NcclCudaFunctions
        {
            GetCurrentStream = (delegate* unmanaged<int, nint*, int>)Find(torch, torchCuda, "aoti_torch_get_current_cuda_stream"),
            GetStreamFromPool = (delegate* unmanaged<byte, int, nint*, int>)Find(torch, torchCuda, "torch_get_cuda_stream_from_pool"),
            CreateStreamGuard = (delegate* unmanaged<nint, int, nint*, int>)Find(torch, torchCuda, "aoti_torch_create_cuda_stream_guard"),
            DeleteStreamGuard = (delegate* unmanaged<nint, int>)Find(torch, torchCuda, "aoti_torch_delete_cuda_stream_guard"),
            DeviceGet = (delegate* unmanaged<int*, int, int>)Find(cuda, driver, "cuDeviceGet"),
            DeviceGetUuid = (delegate* unmanaged<byte*, int, int>)Find(cuda, driver, "cuDeviceGetUuid_v2"),
            EventCreate = (delegate* unmanaged<nint*, uint, int>)Find(cuda, driver, "cuEventCreate"),
            EventRecord = (delegate* unmanaged<nint, nint, int>)Find(cuda, driver, "cuEventRecord"),
            StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)Find(cuda, driver, "cuStreamWaitEvent"),
            StreamQuery = (delegate* unmanaged<nint, int>)Find(cuda, driver, "cuStreamQuery"),
            EventDestroy = (delegate* unmanaged<nint, int>)Find(cuda, driver, "cuEventDestroy_v2"),
        };
    }

    private static nint Open(string path, string expected)
        => NativeLibrary.TryLoad(path, out var handle)
            ? handle
            : throw KaleidoException.Usage($"'{path}' cannot be loaded; expected {expected}, which ranks on GPUs need. Provide it, or set 'workers.device: cpu'.");

    private static nint Find(nint library, string path, string name)
        => NativeLibrary.TryGetExport(library, name, out var address)
            ? address
            : throw KaleidoException.Usage($"'{path}' has no function {name}; expected libtorch 2.10 and a driver for CUDA 11.4 or newer. Update it, or set 'workers.device: cpu'.");
}
