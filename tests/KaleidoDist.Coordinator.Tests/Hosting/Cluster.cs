using Grpc.Core;
using Grpc.Net.Client;
using KaleidoDist.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>A real coordinator on loopback with quick times, a run folder in memory and a data set that needs no files. It can be stopped and started again.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-coordinator-").FullName;
    private readonly JobRules rules;
    private readonly TimeSpan reconnectGrace;
    private GrpcChannel channel = null!;

    private Cluster(JobRules? rules, TimeSpan? reconnectGrace)
    {
        this.rules = rules ?? new JobRules { GatherTime = TimeSpan.FromMilliseconds(200), ReattachTime = TimeSpan.FromSeconds(15) };
        this.reconnectGrace = reconnectGrace ?? TimeSpan.FromSeconds(1);
    }

    public CoordinatorHost Host { get; private set; } = null!;

    public MemoryLedger Ledger { get; } = new();

    public MemoryLog Log { get; } = new();

    public FullDisk Disk { get; private set; } = null!;

    public IGrainFactory Grains { get; private set; } = null!;

    public Wire.JobService.JobServiceClient Jobs => new(channel);

    public Wire.WorkerService.WorkerServiceClient Workers => new(channel);

    public static async Task<Cluster> StartAsync(JobRules? rules = null, TimeSpan? reconnectGrace = null)
    {
        var cluster = new Cluster(rules, reconnectGrace);
        await cluster.StartHostAsync();
        return cluster;
    }

    /// <summary>Stops the coordinator and starts another on the same state folder and port.</summary>
    public async Task RestartAsync()
    {
        var address = Host.Address;
        channel.Dispose();
        await Host.StopAsync();
        await StartHostAsync(address);
    }

    public Task<FakeWorker> WorkerAsync(string id, int slots, string incarnation = "one", params Wire.RunningRank[] running)
        => FakeWorker.ConnectAsync(Host.Address, id, slots, incarnation, running);

    public static string Yaml(string name = "sample", string run = "runs/one", int max = 2, long steps = 40) => $$"""
        name: {{name}}
        model: { preset: kaleido-tiny }
        data: { train: train.parquet }
        training: { global_batch_size: 32, virtual_ranks: 8, steps: {{steps}} }
        workers: { min: 1, max: {{max}} }
        checkpoint: { uri: {{run}} }
        """;

    public async Task<Wire.SubmitReply> SubmitAsync(string? yaml = null, string key = "", long stopAfter = 0)
        => await Jobs.SubmitAsync(new Wire.SubmitRequest { SpecYaml = yaml ?? Yaml(), SpecName = "job.yaml", BaseDirectory = folder, IdempotencyKey = key, StopAfterStep = stopAfter });

    /// <summary>The first status that satisfies a condition.</summary>
    public async Task<Wire.JobStatus> UntilAsync(string jobId, Func<Wire.JobStatus, bool> condition)
    {
        Wire.JobStatus? last = null;
        try
        {
            using var watch = Jobs.WatchJob(new Wire.GetJobRequest { JobId = jobId }, deadline: DateTime.MaxValue, cancellationToken: new CancellationTokenSource(Patience).Token);
            await foreach (var status in watch.ResponseStream.ReadAllAsync())
            {
                last = status;
                if (condition(status))
                    return status;
            }
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled)
        {
            // Reported below.
        }

        throw new TimeoutException($"job {jobId} never came to the expected status; the last: {last}");
    }

    public Task<Wire.JobStatus> UntilAsync(string jobId, Wire.JobState state) => UntilAsync(jobId, s => s.State == state);

    public async ValueTask DisposeAsync()
    {
        channel.Dispose();
        await Host.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task StartHostAsync(Uri? address = null)
    {
        Host = await CoordinatorHost.StartAsync(new CoordinatorHostOptions
        {
            Listen = address ?? new Uri("http://127.0.0.1:0"),
            StateDirectory = Path.Combine(folder, "state"),
            Coordinator = new CoordinatorOptions { LeaseTime = TimeSpan.FromSeconds(10), ReconnectGrace = reconnectGrace, PulsePeriod = TimeSpan.FromMilliseconds(25), WatchPeriod = TimeSpan.FromMilliseconds(5), ScrubPeriod = TimeSpan.FromSeconds(1), ScrubLook = TimeSpan.FromMilliseconds(100), Jobs = rules },
            ConfigureLogging = logging => logging.AddProvider(Log).AddFilter(typeof(FullDisk).FullName, LogLevel.None), // as of the storage it stands for
            ConfigureServices = services =>
            {
                services.AddSingleton<ICheckpointLedger>(Ledger);
                services.AddSingleton<IDatasetIndex, FakeIndex>();
                services.AddKeyedSingleton<IGrainStorage>(SqliteGrainStorage.Name, (provider, _) =>
                {
                    Grains = provider.GetRequiredService<IGrainFactory>();
                    return Disk = new FullDisk(new SqliteGrainStorage(provider.GetRequiredService<StateDatabase>()));
                });
            },
        });
        channel = GrpcChannel.ForAddress(Host.Address);
    }

    private sealed class FakeIndex : IDatasetIndex
    {
        public Task<DatasetManifest> IndexAsync(string pathOrGlob, CancellationToken cancellation) => pathOrGlob.Contains("missing", StringComparison.Ordinal)
            ? throw KaleidoException.Usage($"No file matches '{pathOrGlob}'.")
            : Task.FromResult(new DatasetManifest("fingerprint", 1000, [new DatasetFile(pathOrGlob, 10, [new RowGroupRun(10, 100)], "00")], "kaleido-raw"));
    }
}
