namespace KaleidoDist.Collectives;

/// <summary>Bytes in native memory, owned by somebody else: what one socket call sends from or receives into.</summary>
/// <param name="Address">Address of the first byte.</param>
/// <param name="Count">Number of bytes; 0 means there is nothing to move now.</param>
internal readonly record struct ByteRange(nint Address, long Count)
{
    /// <summary>No bytes.</summary>
    public static ByteRange Empty => default;

    /// <summary>True when there is nothing to move.</summary>
    public bool IsEmpty => Count == 0;

    /// <summary>The bytes of <paramref name="values"/> from byte <paramref name="offset"/> up to byte <paramref name="end"/>.</summary>
    public static ByteRange Of(FloatRange values, long offset, long end) => new(values.Address + (nint)offset, end - offset);

    /// <summary>What is left after the first <paramref name="byteCount"/> bytes.</summary>
    public ByteRange From(long byteCount) => new(Address + (nint)byteCount, Count - byteCount);

    /// <summary>The range as a span.</summary>
    public unsafe Span<byte> AsSpan() => new((void*)Address, checked((int)Count));
}
