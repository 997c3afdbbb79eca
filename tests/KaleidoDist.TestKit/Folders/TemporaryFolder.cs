namespace KaleidoDist.TestKit;

/// <summary>A folder that is gone after the test; in memory where there is such a file system, since no test here can see what a power cut does.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";

    /// <summary>Its path.</summary>
    public string Path { get; } = Directory.CreateDirectory(System.IO.Path.Combine(
        Directory.Exists(MemoryFileSystem) ? MemoryFileSystem : System.IO.Path.GetTempPath(), $"kaleido-{Guid.NewGuid():N}")).FullName;

    /// <summary>A path in it.</summary>
    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
