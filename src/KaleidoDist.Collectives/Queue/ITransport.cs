namespace KaleidoDist.Collectives;

/// <summary>How a group's calls are carried out. Used by its communication thread alone.</summary>
internal interface ITransport : IDisposable
{
    /// <summary>Carries out one call.</summary>
    /// <exception cref="CollectiveException">It failed, and with it the group.</exception>
    void Run(Exchange exchange);

    /// <summary>Waits between calls until the wake event is signalled, and watches the peers meanwhile.</summary>
    /// <exception cref="PeerLostException">A connection was reset.</exception>
    void WaitForWork();

    /// <summary>Throws when the group was given up.</summary>
    void ThrowIfAborted();

    /// <summary>Ends the group for every peer, because of <paramref name="cause"/>.</summary>
    void GiveUp(Exception cause);
}
