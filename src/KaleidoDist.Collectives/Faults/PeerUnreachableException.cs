namespace KaleidoDist.Collectives;

/// <summary>
/// Peers do not answer at all any more, not even their kernels: the way to them is cut, or their host is gone. Unlike a reset, this is
/// never the consequence of another loss.
/// </summary>
public sealed class PeerUnreachableException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public PeerUnreachableException(IReadOnlyList<int> peers, long generation, TimeSpan silence)
        : base(
            $"{(peers.Count == 1 ? "Rank" : "Ranks")} {string.Join(", ", peers)} of generation {generation} cannot be reached: no packet was answered for {silence.InSeconds()}; expected an acknowledgement of each. Look at the network between the hosts.",
            generation)
        => Peers = peers;

    /// <summary>Ranks that do not answer, ascending; never empty.</summary>
    public IReadOnlyList<int> Peers { get; }
}
