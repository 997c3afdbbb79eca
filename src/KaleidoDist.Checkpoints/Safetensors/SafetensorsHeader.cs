namespace KaleidoDist.Checkpoints;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the data.</param>
/// <param name="Bytes">Size in bytes.</param>
public sealed record SafetensorsEntry(string Name, TensorType Type, IReadOnlyList<long> Shape, long Offset, long Bytes);

/// <summary>
/// The header of a safetensors file, checked: its tensors tile the data without holes or overlaps. Layout of the file: 8 bytes little-endian
/// header length N, N bytes JSON padded with spaces, data.
/// </summary>
/// <param name="Metadata">The <c>__metadata__</c> strings.</param>
/// <param name="Entries">Tensors in the order of their data.</param>
/// <param name="DataStart">Offset of the data in the file: 8 + N.</param>
/// <param name="DataBytes">Size of the data.</param>
public sealed record SafetensorsHeader(
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<SafetensorsEntry> Entries,
    long DataStart,
    long DataBytes)
{
    /// <summary>Bytes of the length field in front of the header.</summary>
    public const int PrefixBytes = 8;

    /// <summary>Largest header that is read unless the caller allows more. (The reference implementation reads up to 100 MB.)</summary>
    public const int DefaultMaxHeaderBytes = 16 << 20;

    /// <summary>Data of files written here starts at a multiple of this, so that it can be mapped or read past the page cache.</summary>
    public const int DataAlignmentBytes = 4096;

    /// <summary>Key of the strings in the header's JSON.</summary>
    internal const string MetadataKey = "__metadata__";
}
