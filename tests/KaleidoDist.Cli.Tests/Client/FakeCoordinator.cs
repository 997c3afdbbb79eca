using Grpc.Core;
using KaleidoDist.Protocol.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Cli.Tests;

/// <summary>A gRPC server on a port of its own that answers from what a test put into it.</summary>
internal sealed class FakeCoordinator : IAsyncDisposable
{
    private readonly WebApplication app;

    private FakeCoordinator(WebApplication app) => this.app = app;

    /// <summary>What it knows and was told.</summary>
    internal FakeState State => app.Services.GetRequiredService<FakeState>();

    /// <summary>Its address.</summary>
    internal string Url => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>Starts one.</summary>
    /// <param name="port">0 for any free port.</param>
    internal static async Task<FakeCoordinator> Start(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, port, l => l.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton<FakeState>();
        var app = builder.Build();
        app.MapGrpcService<FakeJobs>();
        app.MapGrpcService<FakeWorkers>();
        await app.StartAsync();
        return new FakeCoordinator(app);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(true));
        await app.DisposeAsync();
    }

    /// <summary>What the fake knows and was told.</summary>
    internal sealed class FakeState
    {
        internal List<JobStatus> Jobs { get; } = [];

        internal List<WorkerStatus> Workers { get; } = [];

        internal List<LogLine> Logs { get; } = [];

        internal List<StepMetrics> Steps { get; } = [];

        /// <summary>What <c>WatchJob</c> tells, one list a call; the last is told to every later call.</summary>
        internal List<List<JobStatus>> Watches { get; } = [];

        /// <summary>Whether a watch that has told everything stays open.</summary>
        internal bool WatchStaysOpen { get; set; }

        internal int WatchCount { get; set; }

        internal List<SubmitRequest> Submits { get; } = [];

        internal List<StopJobRequest> Stops { get; } = [];

        internal List<ReadLogsRequest> LogReads { get; } = [];

        internal RpcException? Refusal { get; set; }
    }

    private sealed class FakeJobs(FakeState state) : JobService.JobServiceBase
    {
        public override Task<SubmitReply> Submit(SubmitRequest request, ServerCallContext context)
        {
            state.Submits.Add(request);
            return state.Refusal is { } refusal ? throw refusal : Task.FromResult(new SubmitReply { JobId = "job-1", Created = state.Jobs.Count == 0 });
        }

        public override Task<JobStatus> GetJob(GetJobRequest request, ServerCallContext context)
            => Task.FromResult(state.Jobs.Find(j => j.JobId == request.JobId) ?? throw new RpcException(new Status(StatusCode.NotFound, "no such job")));

        public override Task<ListJobsReply> ListJobs(ListJobsRequest request, ServerCallContext context)
            => Task.FromResult(new ListJobsReply { Jobs = { state.Jobs.Where(j => !request.UnfinishedOnly || !JobStates.IsSettled(j.State)) } });

        public override Task<JobStatus> StopJob(StopJobRequest request, ServerCallContext context)
        {
            state.Stops.Add(request);
            return GetJob(new GetJobRequest { JobId = request.JobId }, context);
        }

        public override async Task WatchJob(GetJobRequest request, IServerStreamWriter<JobStatus> responseStream, ServerCallContext context)
        {
            foreach (var status in state.Watches[Math.Min(state.WatchCount++, state.Watches.Count - 1)])
                await responseStream.WriteAsync(status);
            if (state.WatchStaysOpen)
                await Task.Delay(Timeout.Infinite, context.CancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        public override async Task ReadMetrics(ReadMetricsRequest request, IServerStreamWriter<StepMetrics> responseStream, ServerCallContext context)
        {
            foreach (var step in state.Steps.Where(s => s.Step > request.AfterStep))
                await responseStream.WriteAsync(step);
        }

        public override async Task ReadLogs(ReadLogsRequest request, IServerStreamWriter<LogLine> responseStream, ServerCallContext context)
        {
            state.LogReads.Add(request);
            foreach (var line in state.Logs.Where(l => !request.HasRank || l.Rank == request.Rank))
                await responseStream.WriteAsync(line);
        }
    }

    private sealed class FakeWorkers(FakeState state) : WorkerService.WorkerServiceBase
    {
        public override Task<ListWorkersReply> ListWorkers(ListWorkersRequest request, ServerCallContext context)
            => Task.FromResult(new ListWorkersReply { Workers = { state.Workers } });

        public override Task<DrainWorkerReply> DrainWorker(DrainWorkerRequest request, ServerCallContext context)
            => state.Workers.FirstOrDefault(w => w.WorkerId == request.WorkerId) is { } worker
                ? Task.FromResult(new DrainWorkerReply { Ranks = worker.Running.Count })
                : throw new RpcException(new Status(StatusCode.NotFound, $"No worker '{request.WorkerId}' is connected; the workers are: w1."));
    }
}
