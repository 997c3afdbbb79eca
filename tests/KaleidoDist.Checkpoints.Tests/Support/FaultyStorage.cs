namespace KaleidoDist.Checkpoints.Tests;

/// <summary>What changes the store.</summary>
internal enum Operation { EnsureDirectory, CreateDirectory, SyncDirectory, Create, Preallocate, Write, Sync, Close, Link, Delete, DeleteDirectory }

/// <summary>The process is dead: no handler of the code under test may catch it, and nothing it does afterwards has an effect.</summary>
internal sealed class SimulatedDeath : Exception;

/// <summary>The real file system with faults: a hook is called before each changing operation, with its number from 1, and may throw.</summary>
internal sealed class FaultyStorage(IStorage inner) : IStorage
{
    public Action<Operation, string, int>? Before { get; set; }

    /// <summary>Part of a write that still happens when its hook throws: a torn write.</summary>
    public double TornWriteShare { get; set; }

    public long? FreeBytesOverride { get; set; }

    public List<(Operation Operation, string Path)> Journal { get; } = [];

    /// <summary>What was tried with a path after an operation on it, by its number from 1.</summary>
    public IEnumerable<Operation> After(int number) => Journal.Skip(number).Where(j => j.Path == Journal[number - 1].Path).Select(j => j.Operation);

    /// <summary>Dies before the n-th operation, and stays dead.</summary>
    public void DieAt(int number) => Before = (_, _, n) =>
    {
        if (n >= number)
            throw new SimulatedDeath();
    };

    /// <summary>The n-th operation fails with an error number; the others work.</summary>
    public void FailAt(int number, int errno) => Before = (operation, path, n) =>
    {
        if (n == number)
            throw new PosixException(operation.ToString(), path, errno);
    };

    public void EnsureDirectory(string path) => Run(Operation.EnsureDirectory, path, () => inner.EnsureDirectory(path));

    public bool TryCreateDirectory(string path) => Run(Operation.CreateDirectory, path, () => inner.TryCreateDirectory(path));

    public void SyncDirectory(string path) => Run(Operation.SyncDirectory, path, () => inner.SyncDirectory(path));

    public IStorageFile Create(string path) => new FaultyFile(this, path, Run(Operation.Create, path, () => inner.Create(path)));

    public bool TryLink(string existing, string created) => Run(Operation.Link, created, () => inner.TryLink(existing, created));

    public void Delete(string path) => Run(Operation.Delete, path, () => inner.Delete(path));

    public void DeleteDirectory(string path) => Run(Operation.DeleteDirectory, path, () => inner.DeleteDirectory(path));

    public IReadOnlyList<StorageEntry> List(string directory) => inner.List(directory);

    public IStorageReader? OpenRead(string path) => inner.OpenRead(path);

    public long FreeBytes(string directory) => FreeBytesOverride ?? inner.FreeBytes(directory);

    private void Run(Operation operation, string path, Action act) => Run(operation, path, () =>
    {
        act();
        return true;
    });

    private T Run<T>(Operation operation, string path, Func<T> act)
    {
        Announce(operation, path);
        return act();
    }

    private void Announce(Operation operation, string path)
    {
        Journal.Add((operation, path));
        Before?.Invoke(operation, path, Journal.Count);
    }

    private sealed class FaultyFile(FaultyStorage storage, string path, IStorageFile inner) : IStorageFile
    {
        public void Preallocate(long bytes) => storage.Run(Operation.Preallocate, path, () => inner.Preallocate(bytes));

        public void Write(ReadOnlySpan<byte> bytes)
        {
            try
            {
                storage.Announce(Operation.Write, path);
            }
            catch
            {
                inner.Write(bytes[..(int)(bytes.Length * storage.TornWriteShare)]);
                throw;
            }

            inner.Write(bytes);
        }

        public void Sync() => storage.Run(Operation.Sync, path, inner.Sync);

        public void Close() => storage.Run(Operation.Close, path, inner.Close);

        public void Dispose() => inner.Dispose();
    }
}
