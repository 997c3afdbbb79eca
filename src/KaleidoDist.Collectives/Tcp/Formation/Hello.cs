using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace KaleidoDist.Collectives;

/// <summary>
/// What a dialer says first, 104 bytes little-endian: magic, dialer's rank, wanted rank, world size, virtual ranks, chunk bytes,
/// generation (int64), transport, wire type, SHA-256 of the job id, 32 random bytes.
/// </summary>
internal readonly record struct Hello(
    int Rank,
    int WantedRank,
    int WorldSize,
    int VirtualRankCount,
    int ChunkBytes,
    long Generation,
    CollectiveTransport Transport,
    WireType WireType,
    string JobHash)
{
    /// <summary>Length on the wire.</summary>
    public const int ByteCount = 104;

    /// <summary>Length of a nonce.</summary>
    public const int NonceByteCount = 32;

    /// <summary>"KDD" and the protocol version.</summary>
    private const uint Magic = 0x0244444B;

    /// <summary>The job id as it travels: of fixed length, and not readable by whoever listens.</summary>
    public static string HashOf(string jobId) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(jobId)));

    /// <summary>The bytes of the hello, ending in <paramref name="nonce"/>.</summary>
    public byte[] ToBytes(ReadOnlySpan<byte> nonce)
    {
        var bytes = new byte[ByteCount];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), Rank);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), WantedRank);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), WorldSize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), VirtualRankCount);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), ChunkBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), Generation);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(32), (int)Transport);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(36), (int)WireType);
        Convert.FromHexString(JobHash).CopyTo(bytes, 40);
        nonce.CopyTo(bytes.AsSpan(72));
        return bytes;
    }

    /// <summary>Reads a hello.</summary>
    /// <returns>False when the bytes are something else.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Hello hello)
    {
        hello = default;
        if (bytes.Length != ByteCount || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            return false;
        hello = new Hello(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            (CollectiveTransport)BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]),
            (WireType)BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]),
            Convert.ToHexString(bytes[40..72]));
        return true;
    }

    /// <summary>Whether an acceptor lets this dialer in; <paramref name="expected"/> is the hello it expects, whatever the dialer's rank.</summary>
    public RefusalReason Judge(Hello expected)
    {
        if (JobHash != expected.JobHash)
            return RefusalReason.WrongJob;
        if (Generation != expected.Generation)
            return Generation < expected.Generation ? RefusalReason.StaleGeneration : RefusalReason.NewerGeneration;
        if ((WorldSize, VirtualRankCount, ChunkBytes, Transport, WireType)
            != (expected.WorldSize, expected.VirtualRankCount, expected.ChunkBytes, expected.Transport, expected.WireType))
            return RefusalReason.DifferentPlan;
        // The higher rank of a pair dials the lower one.
        if (WantedRank != expected.WantedRank || Rank <= WantedRank || Rank >= WorldSize)
            return RefusalReason.WrongRank;
        return RefusalReason.None;
    }
}
