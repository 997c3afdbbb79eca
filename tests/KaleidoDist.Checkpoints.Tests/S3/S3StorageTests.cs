using System.Runtime.InteropServices;
using KaleidoDist.Contracts;
using KaleidoDist.TestKit;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>The object store as a storage: what a file, a directory and a link are there.</summary>
public sealed class S3StorageTests(BucketRun bucket) : IClassFixture<BucketRun>
{
    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(400, 1, 0)]
    [InlineData(401, 0, 2)]
    [InlineData(4001, 0, 11)]
    public void AFileIsPutAtOnceOrInParts(int bytes, int puts, int parts)
    {
        var content = Enumerable.Range(0, bytes).Select(i => (byte)(i * 7)).ToArray();
        var before = bucket.Server.Requests.Count;

        bucket.Create($"sizes/{bytes}", content);

        var requests = bucket.Server.Requests.Skip(before).ToList();
        Assert.Equal((puts, parts), (requests.Count(r => r.StartsWith("PUT ", StringComparison.Ordinal)), requests.Count(r => r.StartsWith("PART ", StringComparison.Ordinal))));
        Assert.Equal(content, bucket.Read($"sizes/{bytes}"));
        Assert.Equal(0, bucket.Server.UploadCount);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(1000)]
    public void AFileThatExistsIsNotOverwritten(int bytes)
    {
        bucket.Create($"taken/{bytes}", new byte[bytes]);

        var error = Assert.Throws<ObjectStoreException>(() => bucket.Create($"taken/{bytes}", [.. Enumerable.Repeat((byte)1, bytes)]));

        Assert.True(error.IsNameTaken);
        Assert.Equal($"KD-S120 's3://bucket/team/run/taken/{bytes}' exists already; expected a new name. Nothing was overwritten.", error.Message);
        Assert.Equal(new byte[bytes], bucket.Read($"taken/{bytes}"));
        Assert.Equal(0, bucket.Server.UploadCount);
    }

    [Fact]
    public void AFileThatIsGivenUpLeavesNothing()
    {
        using (var file = bucket.Storage.Create($"{BucketRun.Root}/given-up/file"))
            file.Write(new byte[1000]);

        Assert.Null(bucket.Read("given-up/file"));
        Assert.Equal(0, bucket.Server.UploadCount);
        Assert.Empty(bucket.Storage.List($"{BucketRun.Root}/given-up"));
    }

    [Fact]
    public void ANameIsLinkedOnce()
    {
        bucket.Create("links/one", "first"u8.ToArray());
        bucket.Create("links/two", "second"u8.ToArray());

        Assert.True(bucket.Storage.TryLink($"{BucketRun.Root}/links/one", $"{BucketRun.Root}/links/name"));
        Assert.False(bucket.Storage.TryLink($"{BucketRun.Root}/links/two", $"{BucketRun.Root}/links/name"));
        Assert.False(bucket.Storage.TryLink($"{BucketRun.Root}/links/one", $"{BucketRun.Root}/links/name"));

        Assert.Equal("first"u8.ToArray(), bucket.Read("links/name"));
        Assert.Throws<FileNotFoundException>(() => bucket.Storage.TryLink($"{BucketRun.Root}/links/none", $"{BucketRun.Root}/links/other"));
    }

    [Fact]
    public void ADirectoryIsCreatedOnceAndRemovedWhenItIsEmpty()
    {
        const string Folder = BucketRun.Root + "/folders/a";
        Assert.True(bucket.Storage.TryCreateDirectory(Folder));
        Assert.False(bucket.Storage.TryCreateDirectory(Folder));
        Assert.Equal([("a", true)], bucket.Storage.List(BucketRun.Root + "/folders").Select(e => (e.Name, e.IsDirectory)));
        bucket.Create("folders/a/file", [1]);

        Assert.Equal("'s3://bucket/team/run/folders/a' is not empty: it holds 'file'.", Assert.Throws<IOException>(() => bucket.Storage.DeleteDirectory(Folder)).Message);
        bucket.Storage.Delete(Folder + "/file");
        bucket.Storage.DeleteDirectory(Folder);

        Assert.Empty(bucket.Storage.List(BucketRun.Root + "/folders"));
        Assert.True(bucket.Storage.TryCreateDirectory(Folder));
    }

    [Fact]
    public void AListingHasAllPagesInOrderAndNothingOfOtherDirectories()
    {
        foreach (var name in new[] { "list/z", "list/b/2", "list/b/1", "list/a", "list/c", "list/d", "list/e", "listing" })
            bucket.Create(name, [1]);

        Assert.Equal(
            [("a", false), ("b", true), ("c", false), ("d", false), ("e", false), ("z", false)],
            bucket.Storage.List(BucketRun.Root + "/list").Select(e => (e.Name, e.IsDirectory)));
        Assert.Empty(bucket.Storage.List(BucketRun.Root + "/nowhere"));
    }

    [Fact]
    public void AFileIsReadFromStartToEndAheadAndAtAnyPlace()
    {
        var content = new byte[6 << 20];
        new Random(1).NextBytes(content);
        bucket.Server.Put("bucket/team/run/large", content);
        var before = bucket.Server.Requests.Count;

        Assert.Equal(content, bucket.Read("large"));
        // 256 KiB, then 1 MiB at a time: the last one is short.
        Assert.Equal(7, bucket.Server.Requests.Skip(before).Count(r => r == "GET bucket/team/run/large"));

        using var file = bucket.Storage.OpenRead(BucketRun.Root + "/large")!;
        foreach (var offset in new[] { 5_000_000, 17, 6_291_455, 300_000, 562_144, 1_000_000 })
        {
            var buffer = new byte[100];
            var count = file.Read(offset, buffer);
            Assert.Equal(content.AsSpan(offset, count), buffer.AsSpan(0, count));
        }

        Assert.Equal(0, file.Read(content.Length, new byte[1]));
    }

    [Fact]
    public void UploadsThatNobodyCompletedInADayAreRemovedAndYoungerOnesAreNot()
    {
        using var old = bucket.Storage.Create($"{BucketRun.Root}/data/g1/old");
        old.Write(new byte[900]);
        bucket.Server.ClockOffset = TimeSpan.FromHours(2);
        using var young = bucket.Storage.Create($"{BucketRun.Root}/data/g1/young");
        young.Write(new byte[900]);
        bucket.Server.ClockOffset = TimeSpan.Zero;

        bucket.Storage.CollectUnfinished($"{BucketRun.Root}/data", TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1));

        Assert.Equal(1, bucket.Server.UploadCount);
        Assert.Throws<ObjectStoreException>(old.Sync);
        young.Sync();
    }

    [Theory]
    [InlineData("s3://")]
    [InlineData("s3://bucket")]
    [InlineData("s3://bucket//run")]
    [InlineData("s3://bucket/../run")]
    public void APlaceWithoutBucketOrPrefixIsRefused(string place)
    {
        var error = Assert.Throws<KaleidoException>(() => new CheckpointPaths(place));

        Assert.Equal($"'{place}' is no place in an object store; expected s3://BUCKET/PREFIX, as s3://team/runs/base.", error.Message);
        Assert.Equal(ExitCode.Usage, error.ExitCode);
    }

    [Theory]
    [InlineData("store.example:9000")]
    [InlineData("ftp://store.example")]
    public void AnEndpointThatIsNoWebAddressIsRefused(string url)
    {
        var error = Assert.Throws<KaleidoException>(() => S3Options.ParseEndpoint(url));

        Assert.Equal(
            $"The endpoint of the object store (AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL) is '{url}'; expected http or https, as https://store.example:9000.", error.Message);
    }

    [Fact]
    public void ARunIsForkedFromAFolderIntoTheStoreThereAndBack()
    {
        using var folder = new TemporaryFolder();
        var original = new Run(folder["run"]);
        var checkpoint = original.Save(10);

        var there = new RunFork("s3://bucket/forked", Run.Time, bucket.Storage, PosixStorage.Instance).Create(new CheckpointReference(original.Folder, 1), "me")!;
        var within = new RunFork("s3://bucket/forked-again", Run.Time, bucket.Storage).Create(new CheckpointReference("s3://bucket/forked", null), "me")!;
        var back = new RunFork(folder["back"], Run.Time, PosixStorage.Instance, bucket.Storage).Create(new CheckpointReference("s3://bucket/forked-again", null), "me")!;

        Assert.Equal((original.Folder, "s3://bucket/forked", "s3://bucket/forked-again"), (there.ForkedFrom!.Run, within.ForkedFrom!.Run, back.ForkedFrom!.Run));
        Assert.Equal(checkpoint.Files, back.Files);
        Assert.True(new CheckpointCatalog(folder["back"], Run.Time).Verify(1).IsValid);
        Assert.True(new CheckpointCatalog("s3://bucket/forked-again", Run.Time, bucket.Storage).Verify(1).IsValid);
    }

    [Fact]
    public void ARunIsSavedLoadedVerifiedAndPrunedAsInAFolder()
    {
        var run = new Run("s3://bucket/whole/run/", bucket.Storage);
        foreach (var step in new long[] { 10, 20, 30, 40 })
            run.Save(step);
        Assert.Equal("s3://bucket/whole/run", run.Paths.Run);

        var selection = run.Resume();
        Assert.Equal((4, 40), (selection.Manifest!.Seq, selection.Manifest.Step));
        using var weights = new NativeTensors();
        using var first = new NativeTensors();
        using var second = new NativeTensors();
        using var saved = NativeTensors.Seeded(40);
        Assert.Equal(40, new CheckpointLoader(run.Folder, bucket.Storage).Load(selection.Manifest, weights.Destinations, first.Destinations, second.Destinations).OptimizerStep);
        Assert.Equal(saved.AllBytes(), weights.AllBytes());

        Assert.Equal([1L, 2L], run.Catalog.Prune(new RetentionPolicy(2)).RemovedSeqs);
        Assert.Equal([3L, 4L], run.Catalog.List().Select(l => l.Seq));
        Assert.All(bucket.Server.Keys.Where(k => k.StartsWith("bucket/whole/", StringComparison.Ordinal)), k => Assert.Matches("/log/00000000000[34].json|/data/g[0-9]+-s000000[34]0-a1/", k));
        Assert.True(new RunCheck(run.Folder, bucket.Storage).Check(RunHistory.Empty).IsSound);
    }

    [Fact]
    public void WeightsAreTakenFromAFileOfTheStoreByTheirNames()
    {
        (string, long[])[] form = [("bert.patch_embeddings.type_embeddings.weight", [1, 3])];
        using var source = new NativeTensors(form);
        using var model = new NativeTensors(form);
        Marshal.Copy(new float[] { 1, 2, 3 }, 0, source.Destinations[0].Address, 3);
        SafetensorsWriter.Write(bucket.Storage, $"{BucketRun.Root}/start.safetensors", source.Sources, new Dictionary<string, string>());

        var report = new WeightsImport($"{BucketRun.Root}/start.safetensors", bucket.Storage).Load(model.Destinations);

        Assert.Equal(["bert.patch_embeddings.type_embeddings.weight"], report.Loaded);
        Assert.Equal(source.AllBytes(), model.AllBytes());
    }
}
