using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Keys that ranks prove to each other: one for each generation, one for each joiner. All are derived from a secret of their job, which is
/// stored with it, so that an order can be repeated after a restart with the same key.
/// </summary>
internal sealed class SessionKeys
{
    /// <summary>Length of a secret and of a key.</summary>
    public const int ByteCount = 32;

    private readonly ConcurrentDictionary<string, byte[]> secrets = new(StringComparer.Ordinal);

    /// <summary>A new secret, as it is stored.</summary>
    public static string NewSecret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(ByteCount));

    /// <summary>Makes a job's secret known.</summary>
    public void Keep(string jobId, string secret) => secrets[jobId] = Convert.FromHexString(secret);

    /// <summary>The key of a generation: the same for every worker and every repetition.</summary>
    public byte[] OfGeneration(string jobId, long generation) => Derive(jobId, $"generation {generation}");

    /// <summary>The key of the connection that brings a joiner its state.</summary>
    public byte[] OfJoiner(string jobId, long member) => Derive(jobId, $"joiner {member}");

    private byte[] Derive(string jobId, string what) => HMACSHA256.HashData(secrets[jobId], Encoding.UTF8.GetBytes(what));
}
