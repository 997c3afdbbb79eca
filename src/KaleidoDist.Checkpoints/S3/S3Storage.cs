namespace KaleidoDist.Checkpoints;

/// <summary>
/// An S3-compatible object store (decision 0013). Paths are <c>s3://bucket/key</c>. A file is an object, created only where there is none; a directory is what its keys
/// begin with, and the right to have created it an empty object, <c>key/</c>. An object is durable and has its name when it is complete, so that nothing is left to sync.
/// </summary>
public sealed class S3Storage : IStorage, IDisposable
{
    /// <summary>What is linked at once: a condition is honoured by more stores there than at the completion of parts, and no manifest is larger.</summary>
    private const long MaxPutBytes = 8 << 20;

    private readonly S3Options options;
    private readonly S3Requests requests;

    /// <summary>Connects with the first request.</summary>
    public S3Storage(S3Options options) => (this.options, requests) = (options, new S3Requests(options));

    /// <summary>Nothing: a directory is there once something is in it.</summary>
    public void EnsureDirectory(string path)
    {
    }

    /// <inheritdoc/>
    public bool TryCreateDirectory(string path) => requests.TryPut(Marker(S3Address.Parse(path)), default);

    /// <summary>Nothing: names are durable with what they name.</summary>
    public void SyncDirectory(string path)
    {
    }

    /// <summary>Creates an object, which fails when it is completed if the name is taken by then.</summary>
    public IStorageFile Create(string path) => new S3Upload(requests, S3Address.Parse(path), options);

    /// <summary>Gives a copy of an object a name: the store compares and creates in one step.</summary>
    public bool TryLink(string existing, string created)
    {
        using var from = OpenRead(existing) ?? throw new FileNotFoundException($"'{existing}' is missing; expected what was just written there.", existing);
        if (from.Length <= MaxPutBytes)
            return requests.TryPut(S3Address.Parse(created), StoredFile.ReadAll(from));
        using var to = new S3Upload(requests, S3Address.Parse(created), options);
        to.Preallocate(from.Length);
        var buffer = new byte[Math.Clamp(from.Length, 1, options.ReadAheadBytes)];
        for (long offset = 0; from.Read(offset, buffer) is > 0 and var count; offset += count)
            to.Write(buffer.AsSpan(0, count));
        return to.TryComplete();
    }

    /// <summary>Removes an object; no error when there is none, since an answer that was lost makes a second try.</summary>
    public void Delete(string path) => requests.Delete(S3Address.Parse(path));

    /// <inheritdoc/>
    public void DeleteDirectory(string path)
    {
        if (List(path) is [var first, ..])
            throw new IOException($"'{path}' is not empty: it holds '{first.Name}'.");
        requests.Delete(Marker(S3Address.Parse(path)));
    }

    /// <summary>What a directory holds. A directory in it is as old as the newest object below it.</summary>
    public IReadOnlyList<StorageEntry> List(string directory)
    {
        var address = S3Address.Parse(directory);
        return
        [
            .. requests.List(address)
                .Select(o => (Path: o.Key[address.Folder.Length..], o.ModifiedUtc))
                .Where(o => o.Path.Length > 0)
                .GroupBy(o => o.Path.Split('/')[0], StringComparer.Ordinal)
                .Select(o => new StorageEntry(o.Key, o.Any(below => below.Path.Length > o.Key.Length), o.Max(below => below.ModifiedUtc)))
                .OrderBy(e => e.Name, StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    public IStorageReader? OpenRead(string path)
    {
        var address = S3Address.Parse(path);
        return requests.Look(address) is { } found ? new S3Reader(requests, address, found.Bytes, options.ReadAheadBytes) : null;
    }

    /// <summary>A bucket has no size.</summary>
    public long FreeBytes(string directory) => long.MaxValue;

    /// <inheritdoc/>
    public void CollectUnfinished(string directory, DateTimeOffset before)
    {
        foreach (var (at, uploadId) in requests.Unfinished(S3Address.Parse(directory), before))
            requests.Abort(at, uploadId);
    }

    /// <inheritdoc/>
    public void Dispose() => requests.Dispose();

    private static S3Address Marker(S3Address directory) => directory with { Key = directory.Folder };
}
