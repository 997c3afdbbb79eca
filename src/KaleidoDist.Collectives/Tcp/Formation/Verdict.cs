using System.Buffers.Binary;

namespace KaleidoDist.Collectives;

/// <summary>What an acceptor answers: a <see cref="RefusalReason"/> as int32, little-endian; zero lets the dialer in.</summary>
internal static class Verdict
{
    /// <summary>Length on the wire.</summary>
    public const int ByteCount = sizeof(int);

    /// <summary>The bytes of a verdict.</summary>
    public static byte[] ToBytes(RefusalReason reason)
    {
        var bytes = new byte[ByteCount];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)reason);
        return bytes;
    }

    /// <summary>Reads a verdict; a value this version does not know is <see cref="RefusalReason.NotAPeer"/>.</summary>
    public static RefusalReason Read(ReadOnlySpan<byte> bytes)
    {
        var reason = (RefusalReason)BinaryPrimitives.ReadInt32LittleEndian(bytes);
        return Enum.IsDefined(reason) ? reason : RefusalReason.NotAPeer;
    }
}
