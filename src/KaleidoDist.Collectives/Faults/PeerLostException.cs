namespace KaleidoDist.Collectives;

/// <summary>
/// The connection to a peer broke. The peer may have died, or may be alive and have closed because another one did: resets cascade, so
/// that one loss ends the call on every rank. Who really died is for the coordinator to say.
/// </summary>
public sealed class PeerLostException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public PeerLostException(int peer, long generation, string how, Exception? inner = null)
        : base($"Rank {peer} of generation {generation} is lost: {how}; expected it to stay connected. The job goes on in its next generation.", generation, inner)
        => Peer = peer;

    /// <summary>The rank at the other end of the broken connection.</summary>
    public int Peer { get; }
}
