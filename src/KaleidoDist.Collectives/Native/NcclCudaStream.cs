namespace KaleidoDist.Collectives;

/// <summary>A stream of libtorch's pool on the one GPU that a rank process computes on: device 0 of those it sees.</summary>
internal sealed unsafe class NcclCudaStream : IDeviceStream
{
    private const int Device = 0;
    private const int Success = 0, NotReady = 600; // CUDA_SUCCESS, CUDA_ERROR_NOT_READY
    private const uint DisableTiming = 2; // CU_EVENT_DISABLE_TIMING: an event that only orders is cheaper.

    private readonly NcclCudaFunctions cuda;
    private readonly byte[] deviceId = new byte[NcclBootstrap.DeviceIdByteCount];
    private nint computed; // An event: everything the computing stream was given before it is done.

    /// <summary>Takes a stream. A tensor was made on the device before, on this thread: the driver's calls need its context.</summary>
    public NcclCudaStream(NcclCudaFunctions cuda)
    {
        this.cuda = cuda;
        nint stream, created;
        int device;
        Require("cuDeviceGet", cuda.DeviceGet(&device, Device));
        fixed (byte* id = deviceId)
            Require("cuDeviceGetUuid_v2", cuda.DeviceGetUuid(id, device));
        Require("torch_get_cuda_stream_from_pool", cuda.GetStreamFromPool(1, Device, &stream));
        Require("cuEventCreate", cuda.EventCreate(&created, DisableTiming));
        (Handle, computed) = (stream, created);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> DeviceId => deviceId;

    /// <inheritdoc/>
    public nint Handle { get; }

    /// <inheritdoc/>
    public bool IsIdle
    {
        get
        {
            var result = cuda.StreamQuery(Handle);
            if (result != NotReady)
                Require("cuStreamQuery", result);
            return result == Success;
        }
    }

    /// <inheritdoc/>
    public void FollowComputation()
    {
        nint computing;
        Require("aoti_torch_get_current_cuda_stream", cuda.GetCurrentStream(Device, &computing));
        Require("cuEventRecord", cuda.EventRecord(computed, computing));
        Require("cuStreamWaitEvent", cuda.StreamWaitEvent(Handle, computed, 0));
    }

    /// <inheritdoc/>
    public IDisposable Enter()
    {
        nint guard;
        Require("aoti_torch_create_cuda_stream_guard", cuda.CreateStreamGuard(Handle, Device, &guard));
        return new Guard(this, guard);
    }

    /// <summary>Gives the event back; the stream is the pool's.</summary>
    public void Dispose()
    {
        if (computed != 0)
            _ = cuda.EventDestroy(computed);
        computed = 0;
    }

    private static void Require(string call, int result)
    {
        if (result != Success)
            throw new InvalidOperationException($"{call} failed on the rank's GPU (code {result}); expected 0. Look at the rank's log and at 'nvidia-smi'.");
    }

    private sealed class Guard(NcclCudaStream stream, nint guard) : IDisposable
    {
        public void Dispose() => Require("aoti_torch_delete_cuda_stream_guard", stream.cuda.DeleteStreamGuard(guard));
    }
}
