namespace KaleidoDist.Checkpoints;

/// <summary>
/// The operations on a file system that checkpoints are made of, each as small as the crash model of the commit protocol: what
/// tests record, fail or cut short. Paths are absolute. Writes are durable only after <see cref="IStorageFile.Sync"/> and names
/// only after <see cref="SyncDirectory"/>. Failures are <see cref="IOException"/>s (<see cref="PosixException"/> where a system call
/// said why, <see cref="ObjectStoreException"/> where a store did).
/// </summary>
public interface IStorage
{
    /// <summary>Creates a directory and those missing above it, durable in their parents; no error when it exists.</summary>
    void EnsureDirectory(string path);

    /// <summary>Creates one directory; false when the name is taken.</summary>
    bool TryCreateDirectory(string path);

    /// <summary>Makes the names in a directory durable.</summary>
    void SyncDirectory(string path);

    /// <summary>Creates a file that must not exist.</summary>
    IStorageFile Create(string path);

    /// <summary>Gives a file a second name; false when that name is taken. Atomic against every other process.</summary>
    bool TryLink(string existing, string created);

    /// <summary>Removes a file.</summary>
    void Delete(string path);

    /// <summary>Removes an empty directory.</summary>
    void DeleteDirectory(string path);

    /// <summary>What a directory holds, in ordinal name order; nothing when it does not exist.</summary>
    IReadOnlyList<StorageEntry> List(string directory);

    /// <summary>Opens a file for reading; null when it does not exist.</summary>
    IStorageReader? OpenRead(string path);

    /// <summary>Bytes that can still be written below a directory.</summary>
    long FreeBytes(string directory);

    /// <summary>Removes what files that were begun before a time and never completed left below a directory without a name in it. File systems have no such thing.</summary>
    void CollectUnfinished(string directory, DateTimeOffset before)
    {
    }
}

/// <summary>A new file that is written from start to end.</summary>
public interface IStorageFile : IDisposable
{
    /// <summary>Reserves space where the file system can, so that a full disk shows before the first byte.</summary>
    void Preallocate(long bytes);

    /// <summary>Appends bytes.</summary>
    void Write(ReadOnlySpan<byte> bytes);

    /// <summary>Makes the content durable. A failure is final: never called twice on one file.</summary>
    void Sync();

    /// <summary>Closes the file; its last chance to report an error.</summary>
    void Close();
}

/// <summary>An existing file that is read at any place.</summary>
public interface IStorageReader : IDisposable
{
    /// <summary>Size in bytes.</summary>
    long Length { get; }

    /// <summary>Reads up to the buffer's size at an offset; 0 at the end.</summary>
    int Read(long offset, Span<byte> buffer);
}

/// <summary>One name in a directory.</summary>
/// <param name="Name">Without folder.</param>
/// <param name="IsDirectory">Whether it is a directory (a link to one is not).</param>
/// <param name="ModifiedUtc">Last change, by the clock of the store.</param>
public sealed record StorageEntry(string Name, bool IsDirectory, DateTimeOffset ModifiedUtc);
