using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Checkpoints;

/// <summary>
/// XXH128 of a file, and XXH3 of each 64 MiB of it where it has more than that (RELIABILITY R6): whoever finds the file damaged can say where. Both together take
/// a quarter of the time that a fast disk needs for the bytes. On request sha256 too, which takes as long as the disk.
/// </summary>
internal sealed class FileHash(bool withSha256) : IDisposable
{
    private readonly IncrementalHash? secure = withSha256 ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
    private readonly XxHash128 whole = new();
    private readonly XxHash3 chunk = new();
    private readonly StringBuilder chunks = new();
    private long length;
    private int filled;

    /// <summary>Adds the file's next bytes.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        whole.Append(bytes);
        secure?.AppendData(bytes);
        length += bytes.Length;
        while (!bytes.IsEmpty)
        {
            var count = Math.Min(bytes.Length, CheckpointFile.ChunkBytes - filled);
            chunk.Append(bytes[..count]);
            filled += count;
            bytes = bytes[count..];
            if (filled == CheckpointFile.ChunkBytes)
                EndChunk();
        }
    }

    /// <summary>What is to be known of the file.</summary>
    internal CheckpointFile Finish(string name, int tensors)
    {
        if (filled > 0)
            EndChunk();
        return new CheckpointFile(name, length, Convert.ToHexStringLower(whole.GetCurrentHash()), tensors)
        {
            ChunksXxh3 = length > CheckpointFile.ChunkBytes ? chunks.ToString() : null,
            Sha256 = secure is null ? null : Convert.ToHexStringLower(secure.GetCurrentHash()),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => secure?.Dispose();

    private void EndChunk()
    {
        chunks.Append(Convert.ToHexStringLower(chunk.GetHashAndReset()));
        filled = 0;
    }
}
