using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>What is asked of a store before a job begins (RELIABILITY fault 25).</summary>
public sealed class StoreProbeTests : IAsyncLifetime
{
    private readonly BucketRun bucket = new();

    public Task InitializeAsync() => bucket.InitializeAsync();

    public Task DisposeAsync() => bucket.DisposeAsync();

    [Fact]
    public void AFitStoreIsLeftAsItWas()
    {
        new StoreProbe(BucketRun.Root, bucket.Storage).Run(isSingleWriter: false);

        Assert.Empty(bucket.Server.Keys);
        Assert.InRange(bucket.Server.Requests.Count, 10, 25);

        using var folder = new TemporaryFolder();
        new StoreProbe(folder.Path).Run(isSingleWriter: false);
        Assert.Empty(Directory.GetFiles(folder["tmp"]));
    }

    [Fact]
    public void AStoreThatIgnoresConditionsIsRefusedUnlessTheUserVouchesForOneWriter()
    {
        bucket.Server.IgnoresConditions = true;

        var error = Assert.Throws<KaleidoException>(() => new StoreProbe(BucketRun.Root, bucket.Storage).Run(isSingleWriter: false));

        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.StartsWith("KD-S121 The store 's3://bucket/team/run' ignores conditional writes: 's3://bucket/team/run/tmp/", error.Message, StringComparison.Ordinal);
        Assert.Contains("set checkpoint.single_writer: true", error.Message, StringComparison.Ordinal);
        Assert.Empty(bucket.Server.Keys);

        new StoreProbe(BucketRun.Root, bucket.Storage).Run(isSingleWriter: true);
        Assert.Equal(1, bucket.Run.Save(10).Seq);
    }

    [Fact]
    public void AFolderWhoseFileSystemGivesANameTwiceIsRefusedToo()
    {
        using var folder = new TemporaryFolder();

        var error = Assert.Throws<KaleidoException>(() => new StoreProbe(folder.Path, new GenerousLinks(PosixStorage.Instance)).Run(isSingleWriter: false));

        Assert.StartsWith($"KD-S121 The store '{folder.Path}' ignores conditional writes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("delete")]
    public void AStoreThatLagsBehindIsRefusedWhateverTheUserVouchesFor(string what)
    {
        var error = Assert.Throws<KaleidoException>(() => new StoreProbe(BucketRun.Root, new Lagging(bucket.Storage, what)).Run(isSingleWriter: true));

        Assert.StartsWith($"KD-S121 The store 's3://bucket/team/run' {(what == "list" ? "does not list at once" : "still has a file")}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(503, "SlowDown", "KD-S120")]
    [InlineData(403, "InvalidAccessKeyId", "KD-S122")]
    public void AStoreThatCannotBeAskedIsNotCalledUnfit(int status, string code, string expected)
    {
        var fault = bucket.Server.Inject(new S3Fault("PUT", S3FaultKind.Refuse, times: 10) { Status = status, Code = code });

        var error = Assert.Throws<ObjectStoreException>(() => new StoreProbe(BucketRun.Root, bucket.Storage).Run(isSingleWriter: false));

        Assert.Equal(expected, error.Code);
        Assert.InRange(fault.Fired, 1, 2);
    }

    private sealed class GenerousLinks(IStorage inner) : ForwardingStorage(inner)
    {
        public override bool TryLink(string existing, string created)
        {
            if (Path.Exists(created))
                File.Delete(created);
            return Inner.TryLink(existing, created);
        }
    }

    private sealed class Lagging(IStorage inner, string what) : ForwardingStorage(inner)
    {
        public override IReadOnlyList<StorageEntry> List(string directory) => what == "list" ? [] : base.List(directory);

        public override void Delete(string path)
        {
            if (what != "delete")
                base.Delete(path);
        }
    }
}
