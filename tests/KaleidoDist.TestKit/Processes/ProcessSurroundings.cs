namespace KaleidoDist.TestKit;

/// <summary>Where a process runs: what is put around its command.</summary>
public sealed record ProcessSurroundings
{
    /// <summary>The repository's root folder, this process's own network, nothing added.</summary>
    public static ProcessSurroundings Plain { get; } = new();

    /// <summary>A program and arguments that end by running the command that follows them, as <c>ip netns exec NAME</c> does.</summary>
    public IReadOnlyList<string> Wrapper { get; init; } = [];

    /// <summary>Environment variables besides this process's own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
