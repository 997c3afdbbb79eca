namespace KaleidoDist.Collectives;

/// <summary>
/// A collective failed and with it the group: all of its connections are closed, what the buffers of the call hold is undefined, and
/// every later call fails with the same error. Go on with a new group of the next generation.
/// </summary>
public abstract class CollectiveException : IOException
{
    /// <summary>Creates the error.</summary>
    private protected CollectiveException(string message, long generation, Exception? inner = null)
        : base(message, inner) => Generation = generation;

    /// <summary>The generation that ended with this error.</summary>
    public long Generation { get; }
}
