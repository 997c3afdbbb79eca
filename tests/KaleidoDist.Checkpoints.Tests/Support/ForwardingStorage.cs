namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Another storage under the same interface: what a fault or a broken protocol changes, it overrides.</summary>
internal abstract class ForwardingStorage(IStorage inner) : IStorage
{
    protected IStorage Inner => inner;

    public virtual void EnsureDirectory(string path) => inner.EnsureDirectory(path);

    public virtual bool TryCreateDirectory(string path) => inner.TryCreateDirectory(path);

    public virtual void SyncDirectory(string path) => inner.SyncDirectory(path);

    public virtual IStorageFile Create(string path) => inner.Create(path);

    public virtual bool TryLink(string existing, string created) => inner.TryLink(existing, created);

    public virtual void Delete(string path) => inner.Delete(path);

    public virtual void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    public virtual IReadOnlyList<StorageEntry> List(string directory) => inner.List(directory);

    public virtual IStorageReader? OpenRead(string path) => inner.OpenRead(path);

    public virtual long FreeBytes(string directory) => inner.FreeBytes(directory);
}

/// <summary>A file whose calls are forwarded.</summary>
internal abstract class ForwardingFile(IStorageFile inner) : IStorageFile
{
    protected IStorageFile Inner => inner;

    public virtual void Preallocate(long bytes) => inner.Preallocate(bytes);

    public virtual void Write(ReadOnlySpan<byte> bytes) => inner.Write(bytes);

    public virtual void Sync() => inner.Sync();

    public virtual void Close() => inner.Close();

    public void Dispose() => inner.Dispose();
}
