using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Worker;

/// <summary>Identity of a rank process: a rank of one generation of one job.</summary>
public readonly record struct RankKey(string JobId, long Generation, int Rank)
{
    /// <inheritdoc/>
    public override string ToString() => $"{JobId}/g{Generation}/r{Rank}";
}
