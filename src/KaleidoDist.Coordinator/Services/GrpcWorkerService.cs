using Grpc.Core;
using KaleidoDist.Contracts;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Hosting;
using Wire = KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>The gRPC face of workers.</summary>
internal sealed class GrpcWorkerService(
    IGrainFactory grains, WorkerHub hub, WorkerRoll roll, JobBoard board, CoordinatorOptions options, TimeProvider time, IHostApplicationLifetime lifetime, ILoggerFactory loggers)
    : Wire.WorkerService.WorkerServiceBase
{
    private const int MaxSlots = 4096;
    private static readonly TimeSpan RegisterTimeout = TimeSpan.FromSeconds(10);

    /// <summary>One worker's stream, from its registration to its end.</summary>
    public override async Task Connect(IAsyncStreamReader<Wire.WorkerMessage> requestStream, IServerStreamWriter<Wire.CoordinatorMessage> responseStream, ServerCallContext context)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        var register = await ReadRegisterAsync(requestStream, ending.Token);
        var worker = grains.GetGrain<IWorkerGrain>(register.WorkerId);
        var outbox = new WorkerOutbox(register.WorkerId, register.Incarnation, hub.NextSession());
        if (!await worker.Admit(register.Incarnation, outbox.Session))
        {
            await responseStream.WriteAsync(WireOrders.Superseded(register.WorkerId), ending.Token);
            return;
        }

        outbox.TrySend(WireOrders.Welcome(options));
        hub.Attach(outbox);
        var session = new WorkerSession(grains, worker, outbox, board, loggers.CreateLogger<WorkerSession>());
        try
        {
            await session.RunAsync(register, requestStream, responseStream, ending);
        }
        finally
        {
            hub.Close(outbox.WorkerId, outbox.Session);
            await worker.StreamEnded(outbox.Session, session.Goodbye);
        }
    }

    /// <inheritdoc/>
    public override async Task<Wire.ListWorkersReply> ListWorkers(Wire.ListWorkersRequest request, ServerCallContext context)
    {
        var reply = new Wire.ListWorkersReply();
        var counts = (await grains.GetGrain<IPoolGrain>(IPoolGrain.TheOne).Counts()).ToDictionary(c => c.WorkerId);
        foreach (var id in roll.Ids)
        {
            var view = await grains.GetGrain<IWorkerGrain>(id).View();
            var status = new Wire.WorkerStatus
            {
                WorkerId = id,
                Host = view.Host,
                Slots = view.Slots,
                SlotsInUse = view.State != WorkerView.Lost && counts.TryGetValue(id, out var count) ? count.InUse : 0, // the pool is told a moment later
                ConnectedAt = Timestamp.FromDateTimeOffset(view.ConnectedAt),
                LastHeartbeatAt = Timestamp.FromDateTimeOffset(view.LastHeartbeatAt),
                State = view.State,
                Version = view.Version,
            };
            status.Running.AddRange(board.RunningOn(id));
            reply.Workers.Add(status);
        }

        return reply;
    }

    /// <inheritdoc/>
    public override async Task<Wire.DrainWorkerReply> DrainWorker(Wire.DrainWorkerRequest request, ServerCallContext context)
    {
        var ids = roll.Ids;
        var ranks = ids.Contains(request.WorkerId) ? await grains.GetGrain<IWorkerGrain>(request.WorkerId).Drain("an operator asked for it") : -1;
        return ranks >= 0
            ? new Wire.DrainWorkerReply { Ranks = ranks }
            : throw new RpcException(new Status(
                StatusCode.NotFound,
                $"No worker '{request.WorkerId}' is connected; the workers are: {(ids.Count == 0 ? "none" : string.Join(", ", ids))}."));
    }

    private async Task<Wire.Register> ReadRegisterAsync(IAsyncStreamReader<Wire.WorkerMessage> requests, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(RegisterTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            if (!await requests.MoveNext(either.Token) || requests.Current.Register is not { } register)
                throw KaleidoException.Usage("The first message of a worker's stream must be Register.");
            if (register.WorkerId.Length is 0 or > 200 || register.Incarnation.Length is 0 or > 200)
                throw KaleidoException.Usage("Register needs a worker id and an incarnation of 1 to 200 characters each.");
            if (register.Slots is < 0 or > MaxSlots)
                throw KaleidoException.Usage($"Register offers {register.Slots} slots; expected 0 to {MaxSlots}.");
            return register;
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw KaleidoException.Usage($"No Register within {RegisterTimeout.TotalSeconds:0} s; a worker's stream begins with it.");
        }
    }
}
