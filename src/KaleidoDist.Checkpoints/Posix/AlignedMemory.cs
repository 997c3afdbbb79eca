using System.Runtime.InteropServices;

namespace KaleidoDist.Checkpoints;

/// <summary>Native memory that starts at a multiple of a page, as writes past the page cache need it. Its pages exist: they were written once.</summary>
internal sealed unsafe class AlignedMemory : IDisposable
{
    /// <summary>Alignment of addresses, offsets and lengths that every disk accepts.</summary>
    internal const int PageBytes = 4096;

    private static long liveBytes;
    private byte* start;

    /// <summary>Allocates zeros.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    internal AlignedMemory(long bytes)
    {
        Bytes = RoundUp(bytes);
        start = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, PageBytes);
        NativeMemory.Clear(start, (nuint)Bytes);
        Interlocked.Add(ref liveBytes, Bytes);
    }

    /// <summary>Bytes of all instances that are not disposed.</summary>
    internal static long LiveBytes => Interlocked.Read(ref liveBytes);

    /// <summary>Its size: whole pages.</summary>
    internal long Bytes { get; }

    /// <summary>Its first byte.</summary>
    internal nint Address => (nint)start;

    /// <summary>The next multiple of <see cref="PageBytes"/>.</summary>
    internal static long RoundUp(long bytes) => (bytes + PageBytes - 1) / PageBytes * PageBytes;

    /// <summary>Copies bytes that somebody else owns into it.</summary>
    internal void Fill(long offset, nint source, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + bytes, Bytes);
        Buffer.MemoryCopy((void*)source, start + offset, Bytes - offset, bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (start is null)
            return;
        NativeMemory.AlignedFree(start);
        start = null;
        Interlocked.Add(ref liveBytes, -Bytes);
    }
}
