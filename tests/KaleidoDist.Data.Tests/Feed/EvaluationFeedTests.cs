using KaleidoDist.Contracts;

namespace KaleidoDist.Data.Tests;

public sealed class EvaluationFeedTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private DatasetManifest manifest = null!;

    public async Task InitializeAsync()
    {
        await RawFiles.WriteAsync(folder["part-00.parquet"], 29, 8);
        manifest = DatasetIndexer.Index(folder.ToString());
    }

    public Task DisposeAsync()
    {
        folder.Dispose();
        return Task.CompletedTask;
    }

    private List<Leaf> Take(VirtualRankRange range, int maxSamples = 0)
    {
        using var feed = new EvaluationFeed(
            new EvaluationFeedOptions
            {
                Manifest = manifest,
                VirtualRankCount = 4,
                VirtualRanks = range,
                Seed = 9,
                Model = ModelConfig.Preset("kaleido-tiny")!,
                MicroBatchSize = 3,
                MaxSamples = maxSamples,
            },
            new FakeEncoder());
        var leaves = new List<Leaf>();
        while (feed.Next() is { } leaf)
            leaves.Add(leaf);
        Assert.Equal(maxSamples == 0 ? 29 : maxSamples, feed.SampleCount);
        return leaves;
    }

    [Fact]
    public void SamplesComeInDataOrderInFixedMicroBatchesOfEveryVirtualRank()
    {
        var leaves = Take(new VirtualRankRange(0, 4));
        Assert.Equal(Enumerable.Range(0, 29).Select(i => (long)i), leaves.SelectMany(l => l.MicroBatches.Single().SampleIds));
        Assert.Equal(
            [(0, 0L, 3), (0, 1L, 3), (0, 2L, 1), (1, 0L, 3), (1, 1L, 3), (1, 2L, 1), (2, 0L, 3), (2, 1L, 3), (2, 2L, 1), (3, 0L, 3), (3, 1L, 3), (3, 2L, 2)],
            leaves.Select(l => (l.VirtualRank, l.Step, l.Count)));
    }

    [Fact]
    public void EveryWorldEvaluatesTheSameMicroBatches()
    {
        var whole = Take(new VirtualRankRange(0, 4), maxSamples: 17);
        for (var worldSize = 1; worldSize <= 4; worldSize++)
        {
            var parts = Enumerable.Range(0, worldSize).SelectMany(rank => Take(VirtualRankRange.Of(rank, worldSize, 4), maxSamples: 17));
            Assert.Equal(whole.Select(l => string.Join(' ', l.MicroBatches[0].SampleIds)), parts.Select(l => string.Join(' ', l.MicroBatches[0].SampleIds)));
        }
    }

    [Fact]
    public void FewerSamplesAreSpreadOverTheDataSet()
        => Assert.Equal([0, 5, 11, 17, 23], Take(new VirtualRankRange(0, 4), maxSamples: 5).SelectMany(l => l.MicroBatches[0].SampleIds));
}
