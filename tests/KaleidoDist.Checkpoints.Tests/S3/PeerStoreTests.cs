using Amazon.Runtime;
using Amazon.S3;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;
using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>
/// Servers that somebody else wrote: Moto, which honours conditions, and s3rver, which does not. Where one is not installed, the scripted store of the tests
/// takes its place, and the output says so.
/// </summary>
public sealed class PeerStoreTests(ITestOutputHelper output)
{
    private const string Moto = "moto/bin/moto_server";
    private const string S3rver = "s3rver/node_modules/.bin/s3rver";
    private const string Root = "s3://bucket/team/run";

    [Fact]
    public async Task AStoreWithConditionsPassesTheProbeAndKeepsARun()
    {
        await using var peer = File.Exists(PeerStore.PathOf(Moto)) ? await PeerStore.StartAsync(Moto, port => ["-H", "127.0.0.1", "-p", $"{port}"]) : null;
        await using var fake = peer is null ? await Instead(Moto) : null;
        using var storage = await ConnectAsync(peer?.Endpoint ?? fake!.Endpoint);
        new StoreProbe(Root, storage).Run(isSingleWriter: false);

        AssertKeepsARun(storage);

        var late = new Run(Root, storage);
        Assert.IsType<CommitResult.LostRace>(late.Catalog.Commit(late.Write(1000), late.Lineage));
        using (var again = storage.Create($"{Root}/large"))
        {
            again.Write(new byte[11 << 20]);
            Assert.True(Assert.Throws<ObjectStoreException>(again.Sync).IsNameTaken);
        }
    }

    [Fact]
    public async Task AStoreWithoutConditionsIsRefusedAndKeepsTheRunOfASingleWriter()
    {
        using var folder = new TemporaryFolder();
        await using var peer = File.Exists(PeerStore.PathOf(S3rver))
            ? await PeerStore.StartAsync(S3rver, port => ["-d", folder.Path, "-a", "127.0.0.1", "-p", $"{port}", "-s"])
            : null;
        await using var fake = peer is null ? await Instead(S3rver) : null;
        if (fake is not null)
            fake.IgnoresConditions = true;
        using var storage = await ConnectAsync(peer?.Endpoint ?? fake!.Endpoint);

        Assert.StartsWith("KD-S121 ", Assert.Throws<KaleidoException>(() => new StoreProbe(Root, storage).Run(isSingleWriter: false)).Message, StringComparison.Ordinal);

        new StoreProbe(Root, storage).Run(isSingleWriter: true);
        AssertKeepsARun(storage);
    }

    /// <summary>Saves, commits, verifies, loads, prunes, and writes and reads a file of several parts.</summary>
    private static void AssertKeepsARun(S3Storage storage)
    {
        var run = new Run(Root, storage);
        foreach (var step in new long[] { 10, 20, 30 })
            run.Save(step);
        Assert.Equal([1L], run.Catalog.Prune(new RetentionPolicy(2)).RemovedSeqs);
        var selection = run.Resume();
        Assert.Equal((3, 0), (selection.Manifest!.Seq, selection.Damages.Count));
        using var saved = NativeTensors.Seeded(30);
        using var weights = new NativeTensors();
        new CheckpointLoader(Root, storage).LoadWeights(selection.Manifest, weights.Destinations);
        Assert.Equal(saved.AllBytes(), weights.AllBytes());
        Assert.Equal(2, storage.List(run.Paths.Data).Count);

        var content = new byte[11 << 20];
        new Random(1).NextBytes(content);
        using (var file = storage.Create($"{Root}/large"))
        {
            file.Write(content);
            file.Sync();
            file.Close();
        }

        using var read = storage.OpenRead($"{Root}/large")!;
        Assert.Equal(content, StoredFile.ReadAll(read));
    }

    private async Task<FakeS3> Instead(string program)
    {
        output.WriteLine($"'{PeerStore.PathOf(program)}' is missing; scripts/setup-peers.sh installs it. The tests' own store takes its place.");
        return await FakeS3.StartAsync();
    }

    private static async Task<S3Storage> ConnectAsync(Uri endpoint)
    {
        var credentials = new BasicAWSCredentials("S3RVER", "S3RVER");
        using var client = new AmazonS3Client(credentials, new AmazonS3Config { ServiceURL = endpoint.ToString(), AuthenticationRegion = "us-east-1", ForcePathStyle = true });
        await client.PutBucketAsync("bucket");
        return new S3Storage(new S3Options { Endpoint = endpoint, Credentials = credentials, PartBytes = 5 << 20 });
    }
}
