namespace KaleidoDist.Checkpoints;

/// <summary>Views of native memory that somebody else owns: tensors, by their address. The owner keeps it alive and in place.</summary>
internal static unsafe class NativeBytes
{
    /// <summary>Bytes to read, from <paramref name="address"/> + <paramref name="offset"/>.</summary>
    internal static ReadOnlySpan<byte> Read(nint address, long offset, int count) => new((byte*)address + offset, count);

    /// <summary>Bytes to fill, from <paramref name="address"/> + <paramref name="offset"/>.</summary>
    internal static Span<byte> Write(nint address, long offset, int count) => new((byte*)address + offset, count);

    /// <summary>Whether memory starts at a multiple of a page.</summary>
    internal static bool IsAligned(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
            return (nuint)start % AlignedMemory.PageBytes == 0;
    }
}
