namespace KaleidoDist.Collectives;

/// <summary>Two ranks called different collectives, or the same one with different sizes: a defect of the program, found before any data mixed.</summary>
public sealed class CollectiveMismatchException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public CollectiveMismatchException(int rank, string own, int peer, string theirs, long generation)
        : base(
            $"Rank {rank} called {own}, rank {peer} called {theirs} in generation {generation}; expected the same call on all ranks. This is a defect: report it with the logs of both ranks.",
            generation)
        => Peer = peer;

    /// <summary>The rank whose call differs.</summary>
    public int Peer { get; }
}
