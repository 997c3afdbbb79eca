using Grpc.Core;
using KaleidoDist.Contracts;
using Microsoft.Extensions.Hosting;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>The gRPC face of jobs: maps, calls one thing, maps back.</summary>
internal sealed class GrpcJobService(
    IGrainFactory grains, JobBoard board, SubmitReader reader, CoordinatorOptions options, TimeProvider time, IHostApplicationLifetime lifetime) : Wire.JobService.JobServiceBase
{
    private const int MaxIdsInError = 20;

    private IJobIndexGrain Index => grains.GetGrain<IJobIndexGrain>(IJobIndexGrain.TheOne);

    /// <inheritdoc/>
    public override async Task<Wire.SubmitReply> Submit(Wire.SubmitRequest request, ServerCallContext context)
    {
        var answer = await Index.Submit(await reader.ReadAsync(request, context.CancellationToken));
        if (!answer.Conflicts.IsEmpty)
            throw KaleidoException.Usage(string.Join('\n', answer.Conflicts));
        return new Wire.SubmitReply { JobId = answer.JobId, Created = answer.Created, Resumed = answer.Resumed };
    }

    /// <inheritdoc/>
    public override async Task<Wire.JobStatus> GetJob(Wire.GetJobRequest request, ServerCallContext context) => (await FindAsync(request.JobId)).Status();

    /// <inheritdoc/>
    public override async Task<Wire.ListJobsReply> ListJobs(Wire.ListJobsRequest request, ServerCallContext context)
    {
        var reply = new Wire.ListJobsReply();
        foreach (var id in await Index.Ids())
        {
            if (await TryFindAsync(id) is { } job && !(request.UnfinishedOnly && job.State.Phase.IsAtRest()))
                reply.Jobs.Add(job.Status());
        }

        return reply;
    }

    /// <summary>Statuses as they change, the latest first of all; ends when the job comes to rest.</summary>
    public override async Task WatchJob(Wire.GetJobRequest request, IServerStreamWriter<Wire.JobStatus> responseStream, ServerCallContext context)
    {
        var job = await FindAsync(request.JobId);
        using var ending = Linked(context);
        while (true)
        {
            var seen = job.Changed.Version;
            var atRest = job.State.Phase.IsAtRest();
            await responseStream.WriteAsync(job.Status(), ending.Token);
            if (atRest)
                return;
            await Task.Delay(options.WatchPeriod, time, ending.Token);
            await job.Changed.WaitAsync(seen, ending.Token);
        }
    }

    /// <inheritdoc/>
    public override async Task<Wire.JobStatus> StopJob(Wire.StopJobRequest request, ServerCallContext context)
    {
        var wish = request.Mode switch
        {
            Wire.StopMode.Checkpoint => StopWish.Checkpoint,
            Wire.StopMode.Cancel => StopWish.Cancel,
            _ => throw KaleidoException.Usage($"The stop mode is {request.Mode}; expected CHECKPOINT or CANCEL."),
        };
        var job = await FindAsync(request.JobId);
        await grains.GetGrain<IJobGrain>(request.JobId).Apply(new JobCommand.RequestStop(wish));
        return job.Status();
    }

    /// <inheritdoc/>
    public override async Task ReadLogs(Wire.ReadLogsRequest request, IServerStreamWriter<Wire.LogLine> responseStream, ServerCallContext context)
    {
        var job = await FindAsync(request.JobId);
        var isFirst = true;
        await FollowAsync(
            job,
            after =>
            {
                var (lines, last) = job.LogAfter(after);
                var wanted = lines.Where(l => !request.HasRank || l.Rank == request.Rank);
                if (isFirst && request.Tail > 0)
                    wanted = wanted.TakeLast(request.Tail);
                isFirst = false;
                return ([.. wanted], last);
            },
            request.Follow, responseStream, context);
    }

    /// <inheritdoc/>
    public override async Task ReadMetrics(Wire.ReadMetricsRequest request, IServerStreamWriter<Wire.StepMetrics> responseStream, ServerCallContext context)
    {
        var job = await FindAsync(request.JobId);
        await FollowAsync(
            job,
            after =>
            {
                var (steps, last) = job.MetricsAfter(after);
                // The rows of an extraction go on while its steps, the row groups, stay.
                return ([.. steps.Where(s => s.Step > request.AfterStep || (job.State.IsExtraction && s.Step == request.AfterStep))], last);
            },
            request.Follow, responseStream, context);
    }

    /// <summary>Sends what there is; with follow, goes on until the job is at rest and all is sent.</summary>
    private async Task FollowAsync<T>(
        LiveJob job, Func<long, (IReadOnlyList<T> Items, long LastId)> readAfter, bool follow, IServerStreamWriter<T> responseStream, ServerCallContext context)
    {
        using var ending = Linked(context);
        for (var after = 0L; ;)
        {
            var seen = job.Changed.Version;
            var atRest = job.State.Phase.IsAtRest();
            (var items, after) = readAfter(after);
            foreach (var item in items)
                await responseStream.WriteAsync(item, ending.Token);
            if (!follow || atRest)
                return;
            await job.Changed.WaitAsync(seen, ending.Token);
        }
    }

    private CancellationTokenSource Linked(ServerCallContext context)
        => CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);

    private async Task<LiveJob?> TryFindAsync(string jobId)
        => board.TryGet(jobId, out var job) || await grains.GetGrain<IJobGrain>(jobId).Wake() && board.TryGet(jobId, out job) ? job : null;

    private async Task<LiveJob> FindAsync(string jobId)
    {
        // An id that was never given out is not worth a grain.
        var ids = board.TryGet(jobId, out var live) ? [] : await Index.Ids();
        if (live is not null || ids.Contains(jobId) && (live = await TryFindAsync(jobId)) is not null)
            return live;
        var shown = ids.IsEmpty ? "there are none" : string.Join(", ", ids.TakeLast(MaxIdsInError)) + (ids.Length > MaxIdsInError ? $" and {ids.Length - MaxIdsInError} older" : "");
        throw new RpcException(new Status(StatusCode.NotFound, $"No job '{jobId}'; the jobs are: {shown}."));
    }
}
