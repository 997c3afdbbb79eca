using System.Buffers.Binary;
using System.Security.Cryptography;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// The end of a Parquet file: metadata, its length (4 bytes, little-endian) and the magic PAR1. Read before anything else, because a
/// truncated file is told best here, and because its hash names the file's content cheaply: it holds the places, sizes and statistics
/// of all column chunks.
/// </summary>
/// <param name="FileBytes">Size of the file.</param>
/// <param name="Sha256">Hash of the metadata, lower-case hex.</param>
internal readonly record struct ParquetFooter(long FileBytes, string Sha256)
{
    private const int TailBytes = 8;
    private const int MaxBytes = 512 << 20;

    /// <summary>Reads the footer of an open file.</summary>
    /// <exception cref="KaleidoException">The file is truncated or not Parquet.</exception>
    public static ParquetFooter Read(FileStream stream)
    {
        var size = stream.Length;
        Span<byte> tail = stackalloc byte[TailBytes];
        if (size >= TailBytes + 4)
            RandomAccess.Read(stream.SafeFileHandle, tail, size - TailBytes);
        if (!tail[4..].SequenceEqual("PAR1"u8))
            throw KaleidoException.Usage($"'{stream.Name}' ({size:N0} bytes) does not end in a Parquet footer; it is truncated or not Parquet. Copy or import it again.");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(tail);
        if (length > size - TailBytes - 4 || length > MaxBytes)
            throw KaleidoException.Usage($"'{stream.Name}' ({size:N0} bytes) claims a Parquet footer of {length:N0} bytes; expected less than the file. It is damaged: copy or import it again.");
        var metadata = new byte[length];
        for (var read = 0; read < metadata.Length;)
        {
            var count = RandomAccess.Read(stream.SafeFileHandle, metadata.AsSpan(read), size - TailBytes - length + read);
            if (count == 0)
                throw KaleidoException.Usage($"'{stream.Name}' became shorter while it was read; expected {size:N0} bytes. Copy or import it again.");
            read += count;
        }

        return new ParquetFooter(size, Convert.ToHexStringLower(SHA256.HashData(metadata)));
    }
}
