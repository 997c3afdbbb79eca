namespace KaleidoDist.Collectives;

/// <summary>
/// An all-reduce under way (<see cref="ICollective.BeginAllReduce"/>). Wait for each one once, on the rank thread: until then its
/// partials and its result belong to the collective. Several may be under way; they are carried out in the order they were begun.
/// </summary>
public readonly struct Reduction
{
    private readonly IReductionSource? source;
    private readonly int version;

    /// <summary>The handle of <paramref name="source"/>'s present use; <paramref name="version"/> tells it from later ones.</summary>
    internal Reduction(IReductionSource source, int version) => (this.source, this.version) = (source, version);

    /// <summary>One that was done when it was begun.</summary>
    public static Reduction Completed => default;

    /// <summary>True when <see cref="Wait"/> would return, or throw, at once.</summary>
    public bool IsCompleted => source is null || source.IsCompleted(version);

    /// <summary>Returns when the result is complete on this rank.</summary>
    /// <exception cref="CollectiveException">It failed, or one before it did; the group is over.</exception>
    /// <exception cref="InvalidOperationException">It was waited for before.</exception>
    public void Wait() => source?.Wait(version);
}

/// <summary>What carries a <see cref="Reduction"/> out. Sources are reused, so every question names the use it means.</summary>
internal interface IReductionSource
{
    /// <summary>True when the use is over, well or not.</summary>
    bool IsCompleted(int version);

    /// <summary>Waits for the end of the use and frees the source for the next one.</summary>
    void Wait(int version);
}
