namespace KaleidoDist.Worker;

/// <summary>Identity of a rank process: a member of a job, for its whole life.</summary>
public readonly record struct RankKey(string JobId, long Member)
{
    /// <inheritdoc/>
    public override string ToString() => $"{JobId}/m{Member}";
}
