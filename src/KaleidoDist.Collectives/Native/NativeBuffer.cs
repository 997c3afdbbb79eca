using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// Zeroed native memory, 64-byte aligned (a cache line, and the widest vector register). It has no finaliser on purpose: a buffer
/// somebody forgot shows in <see cref="LiveCount"/>, which tests hold at zero.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    /// <summary>Alignment of every buffer.</summary>
    public const int AlignmentBytes = 64;

    private static long liveCount;

    private readonly IMemorySource? source; // None: the process's own heap.
    private nint address;

    /// <summary>Takes memory of a source, zeroed and aligned, and gives it back at the end.</summary>
    internal NativeBuffer(nint address, long byteCount, IMemorySource source)
    {
        this.address = address;
        this.source = source;
        ByteCount = byteCount;
        Interlocked.Increment(ref liveCount);
    }

    /// <summary>Allocates and zeroes <paramref name="byteCount"/> bytes (0 is allowed).</summary>
    /// <exception cref="OutOfMemoryException">The system refuses.</exception>
    public NativeBuffer(long byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteCount);
        ByteCount = byteCount;
        address = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(byteCount, AlignmentBytes), AlignmentBytes);
        NativeMemory.Clear((void*)address, (nuint)byteCount);
        Interlocked.Increment(ref liveCount);
    }

    /// <summary>Buffers of this process that are not disposed yet.</summary>
    public static long LiveCount => Interlocked.Read(ref liveCount);

    /// <summary>Length in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>Address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">The memory was given back.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(address == 0, this);
            return address;
        }
    }

    /// <summary>The buffer as float32 values (whole values only).</summary>
    public FloatRange Floats => new(Address, ByteCount / sizeof(float));

    /// <summary>A buffer of <paramref name="count"/> zeros, float32.</summary>
    public static NativeBuffer OfFloats(long count) => new(checked(count * sizeof(float)));

    /// <summary>The bytes from <paramref name="offset"/> on as a span.</summary>
    public Span<byte> Bytes(long offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ByteCount - count);
        return new Span<byte>((byte*)Address + offset, count);
    }

    /// <summary>Gives the memory back; a second call does nothing.</summary>
    public void Dispose()
    {
        var released = Interlocked.Exchange(ref address, 0);
        if (released == 0)
            return;
        if (source is null)
            NativeMemory.AlignedFree((void*)released);
        else
            source.Release(released);
        Interlocked.Decrement(ref liveCount);
    }
}

/// <summary>Where a <see cref="NativeBuffer"/> has its memory from, if not from the heap.</summary>
internal interface IMemorySource
{
    /// <summary>Takes the memory at <paramref name="address"/> back.</summary>
    void Release(nint address);
}
