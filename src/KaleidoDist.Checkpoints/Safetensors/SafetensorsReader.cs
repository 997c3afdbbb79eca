using System.Buffers.Binary;
using System.IO.Hashing;

namespace KaleidoDist.Checkpoints;

/// <summary>Reads a safetensors file, which is hostile until checked, into native memory, hashing every byte on the way.</summary>
public sealed class SafetensorsReader : IDisposable
{
    private readonly IStorageReader file;
    private readonly byte[] head;

    private SafetensorsReader(IStorageReader file, byte[] head, SafetensorsHeader header)
        => (this.file, this.head, Header) = (file, head, header);

    /// <summary>The checked header.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Opens a file and checks its header against its size. Takes <paramref name="file"/> over, also when it throws.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="maxHeaderBytes">Largest header to accept; bounds the memory a hostile file can ask for.</param>
    /// <exception cref="InvalidDataException">Not a safetensors file that can be trusted; the message is a clause that says why.</exception>
    public static SafetensorsReader Open(IStorageReader file, int maxHeaderBytes = SafetensorsHeader.DefaultMaxHeaderBytes)
    {
        try
        {
            var head = ReadHead(file, maxHeaderBytes);
            return new SafetensorsReader(file, head, SafetensorsHeaderParser.Parse(head.AsSpan(SafetensorsHeader.PrefixBytes), file.Length));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads the whole file once, from start to end. What was read is to be trusted only after the returned hash has been compared.
    /// </summary>
    /// <param name="destinations">Address for each wanted tensor, by name, with room for its <see cref="SafetensorsEntry.Bytes"/>.</param>
    /// <returns>XXH128 of the file, lower-case hex.</returns>
    public string ReadAll(IReadOnlyDictionary<string, nint> destinations)
    {
        var hash = new XxHash128();
        hash.Append(head);
        byte[]? skipped = null;
        foreach (var entry in Header.Entries)
        {
            var wanted = destinations.TryGetValue(entry.Name, out var address);
            for (long offset = 0; offset < entry.Bytes; offset += SafetensorsWriter.ChunkBytes)
            {
                var count = (int)Math.Min(SafetensorsWriter.ChunkBytes, entry.Bytes - offset);
                var chunk = wanted
                    ? NativeBytes.Write(address, offset, count)
                    : (skipped ??= new byte[Math.Min(SafetensorsWriter.ChunkBytes, Header.DataBytes)]).AsSpan(0, count);
                ReadExactly(file, Header.DataStart + entry.Offset + offset, chunk);
                hash.Append(chunk);
            }
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    /// <summary>Reads a part of one tensor. Nothing vouches for what is read.</summary>
    /// <param name="entry">A tensor of <see cref="Header"/>.</param>
    /// <param name="offset">First byte, within the tensor.</param>
    /// <param name="buffer">Where to; filled.</param>
    public void Read(SafetensorsEntry entry, long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(buffer.Length, entry.Bytes - offset);
        ReadExactly(file, Header.DataStart + entry.Offset + offset, buffer);
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static byte[] ReadHead(IStorageReader file, int maxHeaderBytes)
    {
        if (file.Length < SafetensorsHeader.PrefixBytes)
            throw new InvalidDataException($"it has {file.Length} bytes, too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixBytes];
        ReadExactly(file, 0, prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)maxHeaderBytes)
            throw new InvalidDataException(ForeignFormat.Danger(prefix) ?? $"its header claims {length} bytes; at most {maxHeaderBytes} are read");
        if ((long)length > file.Length - SafetensorsHeader.PrefixBytes)
            throw new InvalidDataException(ForeignFormat.Danger(prefix) ?? $"its header claims {length} bytes, but the file has {file.Length}");
        var head = new byte[SafetensorsHeader.PrefixBytes + (int)length];
        ReadExactly(file, 0, head);
        return head;
    }

    private static void ReadExactly(IStorageReader file, long offset, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var count = file.Read(offset, buffer);
            if (count == 0)
                throw new InvalidDataException($"it ends at byte {offset} while being read");
            buffer = buffer[count..];
            offset += count;
        }
    }
}
