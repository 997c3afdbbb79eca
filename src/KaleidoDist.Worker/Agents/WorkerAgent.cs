using Grpc.Core;
using Grpc.Net.Client;
using KaleidoDist.Protocol.V1;
using Microsoft.Extensions.Logging;

namespace KaleidoDist.Worker;

/// <summary>
/// A node's agent: keeps one stream to a coordinator, runs ranks as processes, and goes on running them while no coordinator answers.
/// </summary>
public sealed partial class WorkerAgent : IAsyncDisposable
{
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(1);

    // The rest is for ranks whose coordinator does not move them: they stop with a checkpoint.
    private const double LeaveShare = 0.5;

    private readonly WorkerOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly AgentOutbox outbox = new();
    private readonly RankSupervisor supervisor;
    private readonly string incarnation = Guid.NewGuid().ToString("n");
    private readonly TaskCompletionSource welcomed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource dismissed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RankWatch watch;
    private volatile bool isAskingToLeave;
    private volatile bool isLeaving;

    /// <summary>Creates the agent; nothing runs until <see cref="RunAsync"/>.</summary>
    public WorkerAgent(WorkerOptions options, TimeProvider time, ILogger<WorkerAgent> logger)
    {
        options.Validate();
        (this.options, this.time, this.logger) = (options, time, logger);
        supervisor = new RankSupervisor(options, outbox, time, logger);
        watch = new RankWatch(supervisor, outbox, time);
    }

    /// <summary>Completes when a coordinator has accepted this worker for the first time.</summary>
    public Task Welcomed => welcomed.Task;

    /// <summary>Whether any rank process is alive.</summary>
    public bool IsBusy => supervisor.IsBusy;

    /// <summary>
    /// Serves until cancelled, superseded or drained. On cancellation the coordinator is asked to move the ranks elsewhere; if it does not,
    /// they finish their step and checkpoint within the grace. Then the worker says goodbye.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var connection = new CancellationTokenSource();
        var watching = watch.RunAsync(connection.Token);
        var serving = ServeAsync(connection.Token);
        var ending = Task.Delay(Timeout.Infinite, cancellation);
        if (await Task.WhenAny(serving, ending, dismissed.Task).ConfigureAwait(false) != serving)
        {
            var left = time.GetTimestamp();
            if (!dismissed.Task.IsCompleted)
                await LeaveAsync(options.StopGrace * LeaveShare).ConfigureAwait(false);
            var rest = options.StopGrace - time.GetElapsedTime(left);
            await supervisor.StopAllAsync(rest > TimeSpan.Zero ? rest : TimeSpan.Zero).ConfigureAwait(false);
            isLeaving = true;
            outbox.Post(new WorkerMessage { Goodbye = new Goodbye { Reason = dismissed.Task.IsCompleted ? "the worker was drained" : "the worker was told to end" } });
            connection.CancelAfter(GoodbyeLimit);
        }

        await serving.ConfigureAwait(false);
        await connection.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);
    }

    /// <summary>
    /// Asks the coordinator to do without this worker's ranks, and waits until they left. One that is away is asked when it is back, within the limit: ranks that stop by themselves
    /// take the whole job with them.
    /// </summary>
    private async Task LeaveAsync(TimeSpan limit)
    {
        if (!IsBusy)
            return;
        LogLeaving(options.WorkerId, supervisor.Running.Count);
        isAskingToLeave = true;
        outbox.Post(LeaveRequest());
        var left = Task.WhenAll(supervisor.Processes.Select(p => p.Exited));
        await Task.WhenAny(left, dismissed.Task, Task.Delay(limit, time)).ConfigureAwait(false);
    }

    /// <summary>Ends all ranks at once, without a checkpoint: for one who does not want to wait any longer.</summary>
    public void KillRanks() => supervisor.KillAll();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        supervisor.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ServeAsync(CancellationToken cancellation)
    {
        var jitter = new Random(incarnation.GetHashCode(StringComparison.Ordinal));
        var wait = options.Reconnect.Shortest;
        for (var attempt = 0; !cancellation.IsCancellationRequested; attempt++)
        {
            var address = options.Coordinators[attempt % options.Coordinators.Count];
            switch (await ConnectOnceAsync(address, cancellation).ConfigureAwait(false))
            {
                case ConnectionEnd.Superseded:
                case ConnectionEnd.Goodbye:
                    return;
                case ConnectionEnd.Served:
                    wait = options.Reconnect.Shortest;
                    break;
            }

            if (cancellation.IsCancellationRequested || isLeaving)
                return;
            await Task.Delay(wait * (0.5 + jitter.NextDouble()), time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            wait = wait * 2 < options.Reconnect.Longest ? wait * 2 : options.Reconnect.Longest;
        }
    }

    private async Task<ConnectionEnd> ConnectOnceAsync(Uri address, CancellationToken cancellation)
    {
        var wasWelcome = false;
        try
        {
            using var channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = KeptAliveHandler() });
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var call = new WorkerService.WorkerServiceClient(channel).Connect(cancellationToken: both.Token);
            outbox.Clear();
            await call.RequestStream.WriteAsync(new WorkerMessage { Register = Registration() }, both.Token).ConfigureAwait(false);
            foreach (var message in supervisor.Unanswered)
                await call.RequestStream.WriteAsync(message, both.Token).ConfigureAwait(false);
            if (isAskingToLeave)
                outbox.Post(LeaveRequest());
            Task? sending = null;
            try
            {
                await foreach (var order in call.ResponseStream.ReadAllAsync(both.Token).ConfigureAwait(false))
                {
                    if (order.KindCase == CoordinatorMessage.KindOneofCase.Superseded)
                    {
                        LogSuperseded(options.WorkerId, order.Superseded.Reason);
                        supervisor.KillAll();
                        return ConnectionEnd.Superseded;
                    }

                    if (order.Welcome is { } welcome)
                    {
                        wasWelcome = true;
                        LogWelcomed(options.WorkerId, address, options.Slots);
                        welcomed.TrySetResult();
                        sending ??= SendAsync(call.RequestStream, TimeSpan.FromMilliseconds(Math.Clamp(welcome.HeartbeatMilliseconds, 50, 60_000)), both.Token);
                    }

                    await CarryOutAsync(order).ConfigureAwait(false);
                }
            }
            finally
            {
                await both.CancelAsync().ConfigureAwait(false);
                if (sending is not null)
                    await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception error) when (error is RpcException or HttpRequestException or IOException or OperationCanceledException or InvalidOperationException)
        {
            if (cancellation.IsCancellationRequested)
                return ConnectionEnd.Goodbye;
            var cause = error is RpcException rpc ? rpc.Status.Detail : error.Message;
            if (wasWelcome || !welcomed.Task.IsCompleted)
                LogConnectionLost(address, cause, supervisor.Running.Count);
        }

        return wasWelcome ? ConnectionEnd.Served : ConnectionEnd.Refused;
    }

    private async Task SendAsync(IClientStreamWriter<WorkerMessage> stream, TimeSpan interval, CancellationToken cancellation)
    {
        // gRPC streams take one write at a time, so heartbeats go through the outbox as well.
        using var heartbeat = new PeriodicTimer(interval, time);
        var beating = BeatAsync(heartbeat, cancellation);
        await foreach (var message in outbox.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            await stream.WriteAsync(message, cancellation).ConfigureAwait(false);
            if (message.KindCase != WorkerMessage.KindOneofCase.Goodbye)
                continue;
            // Nothing follows a goodbye; the coordinator then ends the stream on its side.
            await stream.CompleteAsync().ConfigureAwait(false);
            return;
        }

        await beating.ConfigureAwait(false);
    }

    private async Task BeatAsync(PeriodicTimer timer, CancellationToken cancellation)
    {
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
            outbox.Post(new WorkerMessage { Heartbeat = new Heartbeat { Running = { supervisor.Running } } });
    }

    private async Task CarryOutAsync(CoordinatorMessage order)
    {
        switch (order.KindCase)
        {
            case CoordinatorMessage.KindOneofCase.StartRanks:
                await supervisor.StartAsync(order.StartRanks).ConfigureAwait(false);
                break;
            case CoordinatorMessage.KindOneofCase.FormGeneration:
                supervisor.Form(order.FormGeneration);
                break;
            case CoordinatorMessage.KindOneofCase.DonateState:
                supervisor.Donate(order.DonateState);
                break;
            case CoordinatorMessage.KindOneofCase.Dismissed:
                LogDismissed(options.WorkerId, order.Dismissed.Reason);
                dismissed.TrySetResult();
                break;
            case CoordinatorMessage.KindOneofCase.StopRanks:
                supervisor.Stop(order.StopRanks);
                break;
            case CoordinatorMessage.KindOneofCase.CheckpointVerdict:
                supervisor.Decide(order.CheckpointVerdict);
                break;
        }
    }

    private static WorkerMessage LeaveRequest() => new() { LeaveRequest = new LeaveRequest { Reason = "the worker was told to end" } };

    private Register Registration() => new()
    {
        WorkerId = options.WorkerId,
        Incarnation = incarnation,
        Host = Environment.MachineName,
        Slots = options.Slots,
        ProcessId = Environment.ProcessId,
        DataAddress = options.DataAddress,
        Version = typeof(WorkerAgent).Assembly.GetName().Version?.ToString(3) ?? "",
        Running = { supervisor.Running },
        Exited = { supervisor.Exits },
    };

    private static SocketsHttpHandler KeptAliveHandler() => new()
    {
        KeepAlivePingDelay = TimeSpan.FromSeconds(10),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
        ConnectTimeout = TimeSpan.FromSeconds(5),
        EnableMultipleHttp2Connections = true,
    };

    private enum ConnectionEnd
    {
        Refused,
        Served,
        Superseded,
        Goodbye,
    }

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} is connected to {Address} and offers {Slots} slots.")]
    private partial void LogWelcomed(string workerId, Uri address, int slots);

    [LoggerMessage(LogLevel.Warning, "KD-C101 The coordinator at {Address} does not answer ({Cause}). {RankCount} ranks go on training; trying again.")]
    private partial void LogConnectionLost(Uri address, string cause, int rankCount);

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} was told to end; its {RankCount} ranks leave at the next step border.")]
    private partial void LogLeaving(string workerId, int rankCount);

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} is drained and ends ({Reason}).")]
    private partial void LogDismissed(string workerId, string reason);

    [LoggerMessage(LogLevel.Error, "KD-W140 Another process took over worker id {WorkerId} ({Reason}); this one ends. Give each worker its own --id.")]
    private partial void LogSuperseded(string workerId, string reason);
}
