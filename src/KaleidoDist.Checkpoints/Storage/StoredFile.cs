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

    /// <summary>XXH128 of all bytes, 32 lower-case hex digits.</summary>
    internal static string Hash(IStorageReader file)
    {
        var hash = new XxHash128();
        ReadThrough(file, hash.Append);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    /// <summary>SHA-256 of all bytes, 64 lower-case hex digits.</summary>
    internal static string Sha256(IStorageReader file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ReadThrough(file, hash.AppendData);
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static void ReadThrough(IStorageReader file, Action<ReadOnlySpan<byte>> take)
    {
        var buffer = new byte[Math.Clamp(file.Length, 1, BufferBytes)];
        long offset = 0;
        int count;
        while ((count = file.Read(offset, buffer)) > 0)
        {
            take(buffer.AsSpan(0, count));
            offset += count;
        }
    }
}
