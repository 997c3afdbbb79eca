using System.Buffers.Binary;
using System.Text.Json;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Writes a safetensors file from native memory and makes it durable.</summary>
public static class SafetensorsWriter
{
    /// <summary>Bytes hashed and written at a time: large for the disk, small enough to still be in the cache when written.</summary>
    internal const int ChunkBytes = DurableFile.ChunkBytes;

    /// <summary>
    /// Creates <paramref name="path"/>, which must not exist: wider types first, then ordinal name order, so that every tensor
    /// is aligned to its type. The hash is of the bytes in memory, not of a re-read. The directory is the caller's to sync.
    /// </summary>
    /// <param name="storage">Where.</param>
    /// <param name="path">The file.</param>
    /// <param name="tensors">What is in it.</param>
    /// <param name="metadata">Its <c>__metadata__</c>.</param>
    /// <param name="withSha256">Whether the sha256 is wanted besides the other hashes.</param>
    /// <param name="cancellation">Gives it up.</param>
    /// <returns>Name, size, hashes and number of tensors.</returns>
    /// <exception cref="IOException">Any step failed; the file is given up.</exception>
    /// <exception cref="OperationCanceledException">Between two chunks; the file is given up.</exception>
    public static CheckpointFile Write(
        IStorage storage, string path, IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string> metadata, bool withSha256 = false,
        CancellationToken cancellation = default)
    {
        var ordered = Order(tensors);
        var header = Header(ordered, metadata);
        var bytes = header.Length + ordered.Sum(t => t.Bytes);
        using var hash = new BackgroundHash(withSha256);

        using var file = storage.Create(path);
        file.Preallocate(bytes);
        hash.Append(header);
        file.Write(header);
        foreach (var (address, length) in Runs(ordered))
        {
            for (long offset = 0; offset < length; offset += ChunkBytes)
            {
                cancellation.ThrowIfCancellationRequested();
                var count = (int)Math.Min(ChunkBytes, length - offset);
                hash.Append(address, offset, count);
                file.Write(NativeBytes.Read(address, offset, count));
            }
        }

        file.Sync();
        file.Close();
        return hash.Finish(Path.GetFileName(path), ordered.Count);
    }

    /// <summary>Size of the file that <see cref="Write"/> would create.</summary>
    public static long SizeOf(IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string> metadata)
        => Header(Order(tensors), metadata).Length + tensors.Sum(t => t.Bytes);

    /// <summary>The tensors in the order of their data.</summary>
    /// <exception cref="ArgumentException">They cannot be written together.</exception>
    internal static IReadOnlyList<TensorSource> Order(IReadOnlyList<TensorSource> tensors)
    {
        var ordered = tensors.OrderByDescending(t => TensorTypes.ElementBytes(t.Type)).ThenBy(t => t.Name, StringComparer.Ordinal).ToList();
        foreach (var tensor in ordered)
        {
            if (tensor.Name.Length == 0 || tensor.Name == SafetensorsHeader.MetadataKey)
                throw new ArgumentException($"A tensor cannot be named '{tensor.Name}'.", nameof(tensors));
            if (tensor.Bytes != TensorTypes.Bytes(tensor.Type, tensor.Shape))
                throw new ArgumentException($"Tensor '{tensor.Name}' {TensorTypes.Describe(tensor.Type, tensor.Shape)} cannot have {tensor.Bytes} bytes.", nameof(tensors));
        }

        var twice = ordered.GroupBy(t => t.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1);
        return twice is null ? ordered : throw new ArgumentException($"Tensor '{twice.Key}' is given twice.", nameof(tensors));
    }

    /// <summary>Tensors that follow one another in memory as they do in the file are one piece: a snapshot is written in whole chunks.</summary>
    private static IEnumerable<(nint Address, long Bytes)> Runs(IEnumerable<TensorSource> ordered)
    {
        (nint Address, long Bytes) run = default;
        foreach (var tensor in ordered.Where(t => t.Bytes > 0))
        {
            if (run.Bytes > 0 && run.Address + (nint)run.Bytes == tensor.Address)
            {
                run.Bytes += tensor.Bytes;
                continue;
            }

            if (run.Bytes > 0)
                yield return run;
            run = (tensor.Address, tensor.Bytes);
        }

        if (run.Bytes > 0)
            yield return run;
    }

    /// <summary>Length field, JSON and the spaces that bring the data to its alignment.</summary>
    private static byte[] Header(IReadOnlyList<TensorSource> ordered, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        stream.Write(stackalloc byte[SafetensorsHeader.PrefixBytes]);
        using (var json = new Utf8JsonWriter(stream))
            WriteJson(json, ordered, metadata);
        while (stream.Length % SafetensorsHeader.DataAlignmentBytes != 0)
            stream.WriteByte((byte)' ');
        var header = stream.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - SafetensorsHeader.PrefixBytes));
        return header;
    }

    private static void WriteJson(Utf8JsonWriter json, IReadOnlyList<TensorSource> ordered, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject();
        json.WriteStartObject(SafetensorsHeader.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();

        long offset = 0;
        foreach (var tensor in ordered)
        {
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", TensorTypes.Name(tensor.Type));
            json.WriteStartArray("shape");
            foreach (var size in tensor.Shape)
                json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(offset);
            json.WriteNumberValue(offset += tensor.Bytes);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
