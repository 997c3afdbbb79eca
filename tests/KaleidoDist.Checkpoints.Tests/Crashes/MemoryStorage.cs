namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A file or directory of <see cref="MemoryStorage"/>. A file may have several names.</summary>
internal sealed class MemoryNode(int id, bool isDirectory)
{
    public int Id { get; } = id;

    public bool IsDirectory { get; } = isDirectory;

    /// <summary>Of a directory.</summary>
    public SortedDictionary<string, MemoryNode> Names { get; } = new(StringComparer.Ordinal);

    /// <summary>Of a file.</summary>
    public byte[] Content { get; set; } = [];

    /// <summary>Puts bytes at an offset; what lies between the old end and it reads as zeros.</summary>
    public void Put(long offset, byte[] bytes)
    {
        Grow(offset + bytes.Length);
        bytes.CopyTo(Content, offset);
    }

    public void Grow(long length)
    {
        if (Content.Length < length)
            Content = [.. Content, .. new byte[length - Content.Length]];
    }
}

/// <summary>A file system in memory that tells a journal what changes, so that every state a power cut could leave can be built from it.</summary>
internal sealed class MemoryStorage(CrashJournal? journal = null) : IStorage
{
    /// <summary>Time of every entry.</summary>
    public static readonly DateTimeOffset Modified = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    private int lastId;

    public MemoryNode Root { get; } = new(0, isDirectory: true);

    public void EnsureDirectory(string path)
    {
        if (Find(path) is not null)
            return;
        var parent = Path.GetDirectoryName(path)!;
        EnsureDirectory(parent);
        TryCreateDirectory(path);
        SyncDirectory(parent);
    }

    public bool TryCreateDirectory(string path)
    {
        if (Find(path) is not null)
            return false;
        AddName(path, new MemoryNode(++lastId, isDirectory: true));
        return true;
    }

    public void SyncDirectory(string path) => journal?.DirectorySynced(Existing(path).Id);

    public IStorageFile Create(string path)
    {
        if (Find(path) is not null)
            throw new PosixException("open", path, Errno.EEXIST);
        var node = new MemoryNode(++lastId, isDirectory: false);
        AddName(path, node);
        return new MemoryFile(node, journal);
    }

    public bool TryLink(string existing, string created)
    {
        var node = Existing(existing);
        if (Find(created) is not null)
            return false;
        AddName(created, node);
        return true;
    }

    public void Delete(string path) => RemoveName(path, isDirectory: false);

    public void DeleteDirectory(string path) => RemoveName(path, isDirectory: true);

    public IReadOnlyList<StorageEntry> List(string directory)
        => [.. (Find(directory)?.Names ?? []).Select(n => new StorageEntry(n.Key, n.Value.IsDirectory, Modified))];

    public IStorageReader? OpenRead(string path) => Find(path) is { IsDirectory: false } node ? new BytesReader(node.Content) : null;

    public long FreeBytes(string directory) => long.MaxValue;

    public MemoryNode? Find(string path)
    {
        var node = Root;
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!node.Names.TryGetValue(name, out node!))
                return null;
        }

        return node;
    }

    private MemoryNode Existing(string path) => Find(path) ?? throw new PosixException("open", path, Errno.ENOENT);

    private void AddName(string path, MemoryNode node)
    {
        var parent = Existing(Path.GetDirectoryName(path)!);
        parent.Names.Add(Path.GetFileName(path), node);
        journal?.NameAdded(parent.Id, Path.GetFileName(path), node);
    }

    private void RemoveName(string path, bool isDirectory)
    {
        if (Existing(path) is { } node && (node.IsDirectory != isDirectory || node.Names.Count > 0))
            throw new PosixException("remove", path, Errno.ENOTEMPTY);
        var parent = Existing(Path.GetDirectoryName(path)!);
        parent.Names.Remove(Path.GetFileName(path));
        journal?.NameRemoved(parent.Id, Path.GetFileName(path));
    }

    private sealed class MemoryFile(MemoryNode node, CrashJournal? journal) : IStorageFile
    {
        private long length;

        public void Preallocate(long bytes)
        {
            node.Grow(bytes);
            journal?.Allocated(node.Id, bytes);
        }

        public void Write(ReadOnlySpan<byte> bytes)
        {
            var copy = bytes.ToArray();
            node.Put(length, copy);
            journal?.Written(node.Id, length, copy);
            length += copy.Length;
        }

        public void Sync() => journal?.FileSynced(node.Id);

        public void Close()
        {
        }

        public void Dispose()
        {
        }
    }
}
