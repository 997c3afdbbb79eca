namespace KaleidoDist.Checkpoints;

/// <summary>A local or shared POSIX file system.</summary>
public sealed class PosixStorage : IStorage
{
    /// <summary>The one instance: it has no state.</summary>
    public static PosixStorage Instance { get; } = new();

    private PosixStorage()
    {
    }

    /// <inheritdoc/>
    public void EnsureDirectory(string path) => DurableDirectory.CreateAll(path);

    /// <inheritdoc/>
    public bool TryCreateDirectory(string path)
    {
        try
        {
            Posix.CreateDirectory(path);
            return true;
        }
        catch (PosixException error) when (error.Errno == Errno.EEXIST && Path.Exists(path))
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void SyncDirectory(string path) => DurableDirectory.Sync(path);

    /// <inheritdoc/>
    public IStorageFile Create(string path) => DurableFile.CreateNew(path);

    /// <inheritdoc/>
    public bool TryLink(string existing, string created) => Posix.TryLink(existing, created);

    /// <inheritdoc/>
    public void Delete(string path) => Posix.Unlink(path);

    /// <inheritdoc/>
    public void DeleteDirectory(string path) => Posix.RemoveDirectory(path);

    /// <inheritdoc/>
    public IReadOnlyList<StorageEntry> List(string directory)
    {
        try
        {
            return [.. new DirectoryInfo(directory).EnumerateFileSystemInfos().Select(Entry).OrderBy(e => e.Name, StringComparer.Ordinal)];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"'{directory}' cannot be listed: {error.Message}", error);
        }

        static StorageEntry Entry(FileSystemInfo info) => new(
            info.Name,
            info is DirectoryInfo && info.LinkTarget is null,
            new DateTimeOffset(info.LastWriteTimeUtc));
    }

    /// <inheritdoc/>
    public IStorageReader? OpenRead(string path)
    {
        try
        {
            return new PosixReader(File.OpenHandle(path, options: FileOptions.SequentialScan));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"'{path}' cannot be read: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public long FreeBytes(string directory) => Posix.FreeBytes(directory);

    private sealed class PosixReader(Microsoft.Win32.SafeHandles.SafeFileHandle handle) : IStorageReader
    {
        public long Length { get; } = RandomAccess.GetLength(handle);

        public int Read(long offset, Span<byte> buffer) => RandomAccess.Read(handle, buffer, offset);

        public void Dispose() => handle.Dispose();
    }
}
