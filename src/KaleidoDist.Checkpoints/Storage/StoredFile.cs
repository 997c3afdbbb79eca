using System.IO.Hashing;
using System.Security.Cryptography;

namespace KaleidoDist.Checkpoints;

/// <summary>Whole files, read through <see cref="IStorageReader"/>.</summary>
internal static class StoredFile
{
    private const int BufferBytes = 1 << 20;

    /// <summary>All bytes of a small file. The caller has looked at its length.</summary>
    internal static byte[] ReadAll(IStorageReader file)
    {
        var bytes = new byte[file.Length];
        var length = 0;
        int count;
        while (length < bytes.Length && (count = file.Read(length, bytes.AsSpan(length))) > 0)
            length += count;
        return length == bytes.Length ? bytes : bytes[..length];
    }

    /// <summary>XXH128 of all bytes, and on request their sha256, in lower-case hex digits. Reads the file once.</summary>
    internal static (string Xxh128, string? Sha256) Hash(IStorageReader file, bool withSha256)
    {
        var hash = new XxHash128();
        using var secure = withSha256 ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        var buffer = new byte[Math.Clamp(file.Length, 1, BufferBytes)];
        long offset = 0;
        int count;
        while ((count = file.Read(offset, buffer)) > 0)
        {
            hash.Append(buffer.AsSpan(0, count));
            secure?.AppendData(buffer.AsSpan(0, count));
            offset += count;
        }

        return (Convert.ToHexStringLower(hash.GetCurrentHash()), secure is null ? null : Convert.ToHexStringLower(secure.GetCurrentHash()));
    }
}
