using Amazon.Runtime;
using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>A save, its commit and retention in an object store, cut short after every single request.</summary>
public sealed class StoreCrashTests : IAsyncLifetime
{
    private const int EarlierCount = 3;

    private FakeS3 server = null!;
    private S3Storage storage = null!;

    public async Task InitializeAsync()
    {
        server = await FakeS3.StartAsync();
        storage = new S3Storage(new S3Options { Endpoint = server.Endpoint, Credentials = new BasicAWSCredentials("key", "secret"), PartBytes = 1000 });
    }

    public async Task DisposeAsync()
    {
        storage.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public void DeathAfterAnyRequestLosesNoAcknowledgedCheckpointAndTheNextSaveWorks()
    {
        var sound = new Run("s3://bucket/sound", storage);
        for (var step = 10; step <= EarlierCount * 10; step += 10)
            sound.Save(step);
        server.Copy("bucket/sound/", "bucket/earlier/");
        var lineage = sound.Lineage;
        var before = server.Requests.Count;
        SaveAndRetain(sound, _ => { });
        var requestCount = server.Requests.Count - before;
        Assert.InRange(requestCount, 50, 120);
        Assert.Contains(server.Requests.Skip(before), request => request.StartsWith("COMPLETE ", StringComparison.Ordinal));

        for (var number = 0; number < requestCount; number++)
        {
            var doomed = new Run($"s3://bucket/death-{number}", storage) { Lineage = lineage };
            server.Copy("bucket/earlier/", $"bucket/death-{number}/");
            var acknowledged = (long)EarlierCount;
            server.AllowOnly(number);
            var error = Record.Exception(() => SaveAndRetain(doomed, seq => acknowledged = seq));
            server.AllowOnly(null);
            Assert.True(error is null or IOException, $"{error}");

            var reborn = new Run(doomed.Folder, storage) { Lineage = doomed.Lineage };
            var selection = reborn.Resume();
            Assert.InRange(selection.Manifest!.Seq, acknowledged, EarlierCount + 1);
            Assert.Empty(selection.Damages);
            Assert.InRange(reborn.Catalog.List().Count, 2, EarlierCount + 1);
            Assert.Equal(selection.Manifest.Seq + 1, reborn.Save(50).Seq);
        }
    }

    private static void SaveAndRetain(Run run, Action<long> acknowledge)
    {
        acknowledge(run.Save(40).Seq);
        run.Catalog.ApplyRetention(new RetentionPolicy(2), run.Lineage);
    }
}
