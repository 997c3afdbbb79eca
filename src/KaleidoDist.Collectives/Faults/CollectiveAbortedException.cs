namespace KaleidoDist.Collectives;

/// <summary>This rank itself gave the group up (<see cref="ICollective.Abort"/>); the inner exception says why.</summary>
public sealed class CollectiveAbortedException : CollectiveException
{
    /// <summary>Creates the error.</summary>
    public CollectiveAbortedException(long generation, Exception cause)
        : base($"The collectives of generation {generation} were aborted: {cause.Message}", generation, cause)
    {
    }
}
