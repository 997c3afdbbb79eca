using KaleidoDist.Checkpoints;

namespace KaleidoDist.Training.Tests;

/// <summary>The real file system, but no file is created before the gate opens.</summary>
internal sealed class GatedStorage : IStorage
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly ManualResetEventSlim gate = new();
    private readonly ManualResetEventSlim creating = new();
    private readonly IStorage inner = PosixStorage.Instance;

    public void Open() => gate.Set();

    public void AwaitCreation() => Assert.True(creating.Wait(Patience), $"No file was created within {Patience}.");

    public IStorageFile Create(string path)
    {
        creating.Set();
        if (!gate.Wait(Patience))
            throw new IOException($"The gate was not opened within {Patience}.");
        return inner.Create(path);
    }

    public void EnsureDirectory(string path) => inner.EnsureDirectory(path);

    public bool TryCreateDirectory(string path) => inner.TryCreateDirectory(path);

    public void SyncDirectory(string path) => inner.SyncDirectory(path);

    public bool TryLink(string existing, string created) => inner.TryLink(existing, created);

    public void Delete(string path) => inner.Delete(path);

    public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    public IReadOnlyList<StorageEntry> List(string directory) => inner.List(directory);

    public IStorageReader? OpenRead(string path) => inner.OpenRead(path);

    public long FreeBytes(string directory) => inner.FreeBytes(directory);
}
