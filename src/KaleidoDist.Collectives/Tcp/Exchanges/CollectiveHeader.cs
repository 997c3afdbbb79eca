using System.Buffers.Binary;

namespace KaleidoDist.Collectives;

/// <summary>Which collective a header announces. Values travel on the wire: never renumber them.</summary>
internal enum CollectiveKind : byte
{
    /// <summary>No collective.</summary>
    None = 0,

    /// <summary>Sum over the tree's leaves.</summary>
    AllReduce = 1,

    /// <summary>Copy from one rank.</summary>
    Broadcast = 2,

    /// <summary>Everybody's bytes to everybody.</summary>
    AllGather = 3,

    /// <summary>Nothing but the header.</summary>
    Barrier = 4,

    /// <summary>The first half of an all-reduce.</summary>
    ReduceScatter = 5,

    /// <summary>The second half of an all-reduce.</summary>
    AllGatherSegments = 6,
}

/// <summary>The type of the elements counted. Values travel on the wire: never renumber them.</summary>
internal enum ElementType : byte
{
    /// <summary>No elements.</summary>
    None = 0,

    /// <summary>IEEE 754 binary32, little-endian.</summary>
    Float32 = 1,

    /// <summary>Bytes.</summary>
    UInt8 = 2,
}

/// <summary>
/// What each side of a connection sends once per collective before anything else, 24 bytes little-endian: sequence number (uint64), kind,
/// element type, two zero bytes, argument (int32: the root of a broadcast), element count (int64). Both sides compare before they touch data.
/// </summary>
internal readonly record struct CollectiveHeader(ulong Sequence, CollectiveKind Kind, ElementType Element, int Argument, long Count)
{
    /// <summary>Length on the wire.</summary>
    public const int ByteCount = 24;

    /// <summary>Writes the header.</summary>
    public void WriteTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Sequence);
        bytes[8] = (byte)Kind;
        bytes[9] = (byte)Element;
        bytes[10] = 0;
        bytes[11] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], Argument);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], Count);
    }

    /// <summary>Reads a header.</summary>
    public static CollectiveHeader Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        (CollectiveKind)bytes[8],
        (ElementType)bytes[9],
        BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]));

    /// <summary>The call as a person would name it.</summary>
    public string Describe() => Kind switch
    {
        CollectiveKind.AllReduce => $"all-reduce of {Count} float32 (call {Sequence})",
        CollectiveKind.Broadcast => $"broadcast of {Count} float32 from rank {Argument} (call {Sequence})",
        CollectiveKind.AllGather => $"all-gather of {Count} bytes a rank (call {Sequence})",
        CollectiveKind.ReduceScatter => $"reduce-scatter of {Count} float32 (call {Sequence})",
        CollectiveKind.AllGatherSegments => $"all-gather of the segments of {Count} float32 (call {Sequence})",
        CollectiveKind.Barrier => $"barrier (call {Sequence})",
        _ => $"unknown collective {(byte)Kind} (call {Sequence})",
    };
}
