namespace KaleidoDist.Collectives;

/// <summary>A peer stayed connected but silent: stopped, cut off, or never called the collective.</summary>
public sealed class CollectiveTimeoutException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public CollectiveTimeoutException(int peer, long generation, string operation, string awaited, TimeSpan limit)
        : base(
            $"Rank {peer} of generation {generation} is silent in {operation}: no byte moved for {limit.InSeconds()} while waiting for {awaited}. Look at the log of rank {peer}.",
            generation)
        => Peer = peer;

    /// <summary>The rank the others waited for.</summary>
    public int Peer { get; }
}
