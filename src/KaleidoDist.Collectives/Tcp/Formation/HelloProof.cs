using System.Security.Cryptography;

namespace KaleidoDist.Collectives;

/// <summary>
/// Proves knowledge of the generation's key: HMAC-SHA256 over a role byte, the dialer's hello (which ends in its nonce) and the
/// acceptor's nonce. The role byte keeps one side's proof from serving as the other's.
/// </summary>
internal static class HelloProof
{
    /// <summary>Length of a proof.</summary>
    public const int ByteCount = HMACSHA256.HashSizeInBytes;

    private const byte Accepting = 1;
    private const byte Dialing = 2;

    /// <summary>What the acceptor proves.</summary>
    public static byte[] OfAcceptor(ReadOnlySpan<byte> key, ReadOnlySpan<byte> hello, ReadOnlySpan<byte> nonce) => Compute(key, Accepting, hello, nonce);

    /// <summary>What the dialer proves.</summary>
    public static byte[] OfDialer(ReadOnlySpan<byte> key, ReadOnlySpan<byte> hello, ReadOnlySpan<byte> nonce) => Compute(key, Dialing, hello, nonce);

    /// <summary>Compares without telling by its duration where the difference is.</summary>
    public static bool Matches(ReadOnlySpan<byte> proof, ReadOnlySpan<byte> expected) => CryptographicOperations.FixedTimeEquals(proof, expected);

    private static byte[] Compute(ReadOnlySpan<byte> key, byte role, ReadOnlySpan<byte> hello, ReadOnlySpan<byte> nonce)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hash.AppendData([role]);
        hash.AppendData(hello);
        hash.AppendData(nonce);
        return hash.GetHashAndReset();
    }
}
