namespace KaleidoDist.Checkpoints.Tests;

/// <summary>
/// A folder that is gone after the test. In memory unless asked otherwise: some tests make thousands of fsyncs, and none of them can see what a power
/// cut would do to a disk.
/// </summary>
internal sealed class TemporaryFolder(bool onDisk = false) : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";

    public string Path { get; } = Directory.CreateDirectory(System.IO.Path.Combine(
        !onDisk && Directory.Exists(MemoryFileSystem) ? MemoryFileSystem : System.IO.Path.GetTempPath(),
        $"kaleido-checkpoints-{Guid.NewGuid():N}")).FullName;

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
