namespace KaleidoDist.Collectives;

/// <summary>One half of a move between two ranks. Transfers of one pair of ranks match in their order.</summary>
/// <param name="Peer">The other rank.</param>
/// <param name="Values">Device memory to send from or receive into.</param>
/// <param name="IsSend">Which half.</param>
internal readonly record struct NcclTransfer(int Peer, FloatRange Values, bool IsSend)
{
    /// <summary>Sends <paramref name="values"/>.</summary>
    public static NcclTransfer To(int peer, FloatRange values) => new(peer, values, IsSend: true);

    /// <summary>Receives into <paramref name="values"/>.</summary>
    public static NcclTransfer From(int peer, FloatRange values) => new(peer, values, IsSend: false);
}
