using System.IO.Hashing;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>Where a file differs from what was written, as far as the hashes of its chunks tell: byte ranges, and the tensors in them.</summary>
internal static class DamagedPlaces
{
    private const int MaxNamed = 3;

    /// <summary>To follow on a sentence that says that the file differs; empty where nothing is known. Reads the file.</summary>
    internal static string Clause(IStorageReader file, CheckpointFile expected)
    {
        if (expected.ChunksXxh3 is not { } hashes)
            return "";
        var chunks = Differing(file, hashes).ToList();
        if (chunks.Count == 0)
            return "; the next reading found no chunk that differs, as memory or a disk does that fails now and then";
        var tensors = chunks.Contains(0) ? [] : Tensors(file, chunks);
        return $"; {string.Join(", ", Ranges(chunks, file.Length))} differ{(tensors.Count == 0 ? "" : $" (in {Named(tensors)})")}";
    }

    private static IEnumerable<long> Differing(IStorageReader file, string hashes)
    {
        var buffer = new byte[1 << 20];
        for (var chunk = 0L; chunk < hashes.Length / CheckpointFile.ChunkDigits; chunk++)
        {
            var hash = new XxHash3();
            var end = Math.Min(file.Length, (chunk + 1) * CheckpointFile.ChunkBytes);
            for (var at = chunk * CheckpointFile.ChunkBytes; at < end;)
            {
                var count = file.Read(at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)));
                if (count == 0)
                    break;
                hash.Append(buffer.AsSpan(0, count));
                at += count;
            }

            if (!hashes.AsSpan((int)chunk * CheckpointFile.ChunkDigits, CheckpointFile.ChunkDigits).SequenceEqual(Convert.ToHexStringLower(hash.GetCurrentHash())))
                yield return chunk;
        }
    }

    /// <summary>Chunks that follow one another are one range.</summary>
    private static IEnumerable<string> Ranges(List<long> chunks, long length)
    {
        for (var first = 0; first < chunks.Count;)
        {
            var next = first + 1;
            while (next < chunks.Count && chunks[next] == chunks[next - 1] + 1)
                next++;
            yield return $"bytes {chunks[first] * CheckpointFile.ChunkBytes}-{Math.Min(length, (chunks[next - 1] + 1) * CheckpointFile.ChunkBytes) - 1}";
            first = next;
        }
    }

    private static List<string> Tensors(IStorageReader file, List<long> chunks)
    {
        try
        {
            // Not disposed: the file is the caller's.
            var header = SafetensorsReader.Open(file).Header;
            return
            [
                .. header.Entries
                    .Where(e => e.Bytes > 0 && chunks.Any(c => c >= (header.DataStart + e.Offset) / CheckpointFile.ChunkBytes && c <= (header.DataStart + e.Offset + e.Bytes - 1) / CheckpointFile.ChunkBytes))
                    .Select(e => e.Name),
            ];
        }
        catch (InvalidDataException)
        {
            return []; // No file of tensors, or none any more.
        }
    }

    private static string Named(List<string> tensors)
        => string.Join(", ", tensors.Take(MaxNamed).Select(t => $"'{t}'")) + (tensors.Count > MaxNamed ? $" or {tensors.Count - MaxNamed} more" : "");
}
