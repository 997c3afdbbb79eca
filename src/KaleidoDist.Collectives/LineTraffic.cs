namespace KaleidoDist.Collectives;

/// <summary>
/// What a rank sent to one peer, as its kernel counts it. Bytes count as soon as the peer's kernel has them, whether the peer reads them or not: so
/// a peer that comes late adds nothing to the time, and a slow network does.
/// </summary>
/// <param name="Bytes">Bytes that arrived.</param>
/// <param name="Travel">How long any were under way: sent, not acknowledged, and not for want of room at the peer.</param>
public readonly record struct LineTraffic(long Bytes, TimeSpan Travel)
{
    /// <summary>What came after <paramref name="earlier"/>; nothing when the connection was closed meanwhile.</summary>
    public LineTraffic Since(LineTraffic earlier)
        => Bytes < earlier.Bytes || Travel < earlier.Travel ? default : new LineTraffic(Bytes - earlier.Bytes, Travel - earlier.Travel);
}
