using System.Text.Json;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>A run whose checkpoints are in an object store, and everything else in its folder.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class ObjectStoreTests(CalmRun calm) : IAsyncLifetime
{
    private const string Store = "s3://bucket/team/run";

    private readonly MicroRun run = new();
    private FakeS3 server = null!;

    /// <inheritdoc/>
    public async Task InitializeAsync() => server = await FakeS3.StartAsync();

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        run.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task ARunThatStopsAndGoesOnWithAnotherWorldSizeEndsWithTheSameWeightsAsOneInAFolder()
    {
        var slow = server.Inject(new S3Fault("PUT log/", S3FaultKind.Refuse) { Status = 503, Code = "SlowDown" });
        var lost = server.Inject(new S3Fault("PUT data/", S3FaultKind.LoseAnswer));

        await Kaleido(75, [.. Train, "--workers", "2", "--stop-after", "10"]);
        var said = await Kaleido(0, [.. Train, "--workers", "3"]);

        Assert.Equal((1, 1), (slow.Fired, lost.Fired));
        Assert.Contains(said, line => line.Contains("KD-R101 going on from step 10", StringComparison.Ordinal));
        Assert.Equal(calm.Story, run.Story());
        var shown = JsonDocument.Parse(string.Concat(await Kaleido(0, ["checkpoint", "show", Store, "--json"]))).RootElement;
        Assert.Equal((MicroJob.Steps, calm.WeightsHash), (shown.GetProperty("step").GetInt32(), shown.GetProperty("weights_xxh128").GetString()));
        Assert.Equal(3, shown.GetProperty("world_size").GetInt32());
        Assert.False(Directory.Exists(Path.Combine(run.Folder, "log")));
        await Kaleido(0, ["checkpoint", "verify", Store]);
        await Kaleido(1, ["checkpoint", "diff", $"{Store}@1", Store]);
        await Kaleido(0, ["checkpoint", "export", Store, Path.Combine(run.Folder, "exported")]);
        await Kaleido(0, ["fsck", run.Folder, "--store", Store]);
        Assert.Equal(0, server.UploadCount);
    }

    [Fact]
    public async Task AStoreThatIgnoresConditionsIsRefusedAtSubmit()
    {
        server.IgnoresConditions = true;
        await using var train = KaleidoProcess.Start(Surroundings, [.. Train, "--workers", "1"]);

        await train.Exit("training", 2);

        Assert.Contains(train.Errors, line => line.Contains($"KD-S121 The store '{Store}' ignores conditional writes", StringComparison.Ordinal));
        Assert.Empty(server.Keys);
    }

    private string[] Train => ["train", .. run.Job($"checkpoint.store={Store}", "checkpoint.every=5")];

    private ProcessSurroundings Surroundings => new()
    {
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["AWS_ENDPOINT_URL_S3"] = server.Endpoint.ToString(),
            ["AWS_ACCESS_KEY_ID"] = "key",
            ["AWS_SECRET_ACCESS_KEY"] = "secret",
        },
    };

    private async Task<IReadOnlyList<string>> Kaleido(int exitCode, IEnumerable<string> arguments)
    {
        await using var process = KaleidoProcess.Start(Surroundings, arguments);
        await process.Exit("kaleido", exitCode);
        return process.Output;
    }
}
