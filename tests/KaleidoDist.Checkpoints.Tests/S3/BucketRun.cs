using Amazon.Runtime;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A scripted object store and a run in it.</summary>
public sealed class BucketRun : IAsyncLifetime, IDisposable
{
    internal const string Root = "s3://bucket/team/run";
    private readonly List<S3Storage> storages = [];

    public FakeS3 Server { get; private set; } = null!;

    internal Run Run { get; private set; } = null!;

    internal S3Storage Storage { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Server = await FakeS3.StartAsync(pageSize: 3);
        Storage = Connect();
        Run = new Run(Root, Storage);
    }

    /// <summary>Another process's way to the store: parts of a few bytes, one further try.</summary>
    /// <param name="patience">How long one try may take; 30 s unless given, so that a busy machine makes no fault of its own.</param>
    internal S3Storage Connect(TimeSpan? patience = null)
    {
        var storage = new S3Storage(new S3Options
        {
            Endpoint = Server.Endpoint,
            Credentials = new BasicAWSCredentials("key", "secret"),
            PartBytes = 400,
            PartsInFlight = 2,
            ReadAheadBytes = 1 << 20,
            RequestTimeout = patience ?? TimeSpan.FromSeconds(30),
            RetryCount = 1,
        });
        storages.Add(storage);
        return storage;
    }

    /// <summary>Creates a file with a content.</summary>
    internal void Create(string name, byte[] content)
    {
        using var file = Storage.Create($"{Root}/{name}");
        file.Write(content);
        file.Sync();
        file.Close();
    }

    /// <summary>The content of a file; null when there is none.</summary>
    internal byte[]? Read(string name)
    {
        using var file = Storage.OpenRead($"{Root}/{name}");
        return file is null ? null : StoredFile.ReadAll(file);
    }

    /// <summary>The bucket holds one checkpoint, all of it and nothing else.</summary>
    internal void AssertOnlyCheckpoint(CheckpointManifest manifest, int uploadsLeft = 0)
    {
        Assert.Equal(manifest.Self, Assert.Single(Run.Catalog.List()).Manifest!.Self);
        Assert.Equal(manifest.Self, Run.Catalog.FindLatestValid().Manifest!.Self);
        Assert.Equal(uploadsLeft, Server.UploadCount);
        Assert.Single(Server.Keys, key => key.Contains("/log/", StringComparison.Ordinal));
        Assert.Equal(manifest.Files.Count, Server.Keys.Count(key => key.Contains("/data/", StringComparison.Ordinal) && !key.EndsWith('/')));
    }

    public void Dispose()
    {
        foreach (var storage in storages)
            storage.Dispose();
    }

    public async Task DisposeAsync()
    {
        Dispose();
        await Server.DisposeAsync();
    }
}
