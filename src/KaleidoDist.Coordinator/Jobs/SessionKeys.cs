using System.Security.Cryptography;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Keys that the ranks of a generation prove to each other. In memory: a generation whose ranks have started needs its key no more here,
/// and one whose ranks have not is given up after a restart.
/// </summary>
internal sealed class SessionKeys
{
    private const int KeyBytes = 32;
    private readonly Dictionary<string, (long Generation, byte[] Key)> newest = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <summary>The key of a job's generation: the same for every worker.</summary>
    public byte[] Of(string jobId, long generation)
    {
        lock (gate)
        {
            if (!newest.TryGetValue(jobId, out var entry) || entry.Generation != generation)
                newest[jobId] = entry = (generation, RandomNumberGenerator.GetBytes(KeyBytes));
            return entry.Key;
        }
    }
}
