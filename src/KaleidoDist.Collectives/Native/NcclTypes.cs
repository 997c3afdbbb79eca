using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>What a call into NCCL returns (<c>ncclResult_t</c>).</summary>
internal enum NcclResult
{
    /// <summary>Done.</summary>
    Success = 0,

    /// <summary>A call into CUDA failed.</summary>
    UnhandledCudaError = 1,

    /// <summary>A call into the system failed.</summary>
    SystemError = 2,

    /// <summary>NCCL itself failed.</summary>
    InternalError = 3,

    /// <summary>An argument is not valid.</summary>
    InvalidArgument = 4,

    /// <summary>The call is not valid now.</summary>
    InvalidUsage = 5,

    /// <summary>A peer is gone, or the network to it.</summary>
    RemoteError = 6,

    /// <summary>A non-blocking call is still under way: ask again.</summary>
    InProgress = 7,
}

/// <summary>
/// What rank 0 draws and all ranks hand to the first call of a communicator (<c>ncclUniqueId</c>); passed by value.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = ByteCount)]
internal readonly struct NcclUniqueId
{
    /// <summary>Length, <c>NCCL_UNIQUE_ID_BYTES</c>.</summary>
    public const int ByteCount = 128;

    /// <summary>Reads an id from its bytes.</summary>
    public static NcclUniqueId Of(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<NcclUniqueId>(bytes);

    /// <summary>The bytes of an id.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[ByteCount];
        MemoryMarshal.Write(bytes, in this);
        return bytes;
    }
}

/// <summary>
/// The first form of <c>ncclConfig_t</c>, that of NCCL 2.14. Later ones append members; a library takes as many bytes as
/// <see cref="Size"/> says and defaults for whatever <see cref="Version"/> did not have.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct NcclConfig
{
    /// <summary>The version whose structure this is, and the oldest that has non-blocking communicators: 2.14.0.</summary>
    public const int FirstVersion = 21400;

    private const uint ApiMagic = 0xCAFEBEEF;

    private readonly nuint size;
    private readonly uint magic;
    private readonly uint version;
    private readonly int blocking;
    private readonly int unused;

    private NcclConfig(int blocking)
    {
        size = (nuint)Marshal.SizeOf<NcclConfig>();
        magic = ApiMagic;
        version = FirstVersion;
        this.blocking = blocking;
        unused = int.MinValue; // NCCL_CONFIG_UNDEF_INT
    }

    /// <summary>The configuration of a communicator whose calls return at once.</summary>
    public static NcclConfig NonBlocking => new(blocking: 0);

    /// <summary>Bytes of this structure.</summary>
    public nuint Size => size;

    /// <summary>Marks the structure as one.</summary>
    public uint Magic => magic;

    /// <summary>The version whose structure this is.</summary>
    public uint Version => version;

    /// <summary>Whether calls wait.</summary>
    public bool IsBlocking => blocking != 0;
}
