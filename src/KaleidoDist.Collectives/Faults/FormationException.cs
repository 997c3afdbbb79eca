namespace KaleidoDist.Collectives;

/// <summary>A group could not be formed: a peer did not come in time, or refused this rank.</summary>
public sealed class FormationException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public FormationException(string message, long generation, int? peer = null, RefusalReason reason = RefusalReason.None)
        : base(message, generation)
    {
        Peer = peer;
        Reason = reason;
    }

    /// <summary>The peer it failed on, where there is a single one.</summary>
    public int? Peer { get; }

    /// <summary>Why the peer refused, or why this rank refused the peer; <see cref="RefusalReason.None"/> when nobody did.</summary>
    public RefusalReason Reason { get; }
}
