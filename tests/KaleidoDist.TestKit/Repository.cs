namespace KaleidoDist.TestKit;

/// <summary>The working copy the tests were built from.</summary>
public static class Repository
{
    private const string Marker = "KaleidoDist.sln";

    /// <summary>Its root folder.</summary>
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find(DirectoryInfo? folder)
    {
        for (var at = folder; at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, Marker)))
                return at.FullName;
        }

        throw new DirectoryNotFoundException($"No folder above '{folder?.FullName}' has {Marker}; tests run from a working copy's artifacts.");
    }
}
