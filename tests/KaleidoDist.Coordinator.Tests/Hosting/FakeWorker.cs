using System.Threading.Channels;
using Grpc.Core;
using Grpc.Net.Client;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>A worker agent without processes: the test says what its ranks do. Heartbeats by itself.</summary>
internal sealed class FakeWorker : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly GrpcChannel channel;
    private readonly AsyncDuplexStreamingCall<WorkerMessage, CoordinatorMessage> call;
    private readonly Channel<CoordinatorMessage> orders = Channel.CreateUnbounded<CoordinatorMessage>();
    private readonly CancellationTokenSource ending = new();
    private readonly SemaphoreSlim writing = new(1);
    private readonly Task reading, beating;

    private FakeWorker(string id, GrpcChannel channel)
    {
        Id = id;
        this.channel = channel;
        call = new WorkerService.WorkerServiceClient(channel).Connect();
        reading = ReadAsync();
        beating = BeatAsync();
    }

    public string Id { get; }

    public static Task<FakeWorker> ConnectAsync(Uri coordinator, string id, int slots, string incarnation = "one", params RunningRank[] running)
        => ConnectAsync(coordinator, id, slots, incarnation, running, []);

    public static async Task<FakeWorker> ConnectAsync(Uri coordinator, string id, int slots, string incarnation, RunningRank[] running, RankExited[] exited)
    {
        var worker = new FakeWorker(id, GrpcChannel.ForAddress(coordinator));
        var register = new Register { WorkerId = id, Incarnation = incarnation, Host = "host", Slots = slots, Version = "test", Running = { running }, Exited = { exited } };
        await worker.SendAsync(new WorkerMessage { Register = register });
        return worker;
    }

    public async Task SendAsync(WorkerMessage message)
    {
        await writing.WaitAsync();
        try
        {
            await call.RequestStream.WriteAsync(message);
        }
        finally
        {
            writing.Release();
        }
    }

    /// <summary>The next order of a kind; orders before it are skipped.</summary>
    public async Task<T> NextAsync<T>(Func<CoordinatorMessage, T?> pick)
        where T : class
    {
        var seen = new List<string>();
        using var late = new CancellationTokenSource(Patience);
        try
        {
            await foreach (var order in orders.Reader.ReadAllAsync(late.Token))
            {
                if (pick(order) is { } found)
                    return found;
                seen.Add(order.KindCase.ToString());
            }
        }
        catch (OperationCanceledException)
        {
            // Reported below.
        }

        throw new TimeoutException($"worker {Id} waited for a {typeof(T).Name}; it got: {string.Join(", ", seen)}");
    }

    public Task<Welcome> WelcomeAsync() => NextAsync(o => o.Welcome);

    public Task<StartRanks> StartAsync() => NextAsync(o => o.StartRanks);

    public Task<FormGeneration> FormAsync() => NextAsync(o => o.FormGeneration);

    public Task<StopRanks> StopAsync() => NextAsync(o => o.StopRanks);

    public async Task<CheckpointDecision> VerdictAsync() => (await NextAsync(o => o.CheckpointVerdict)).Decision;

    /// <summary>Reports every rank of an order ready.</summary>
    public async Task ReadyAsync(StartRanks start)
    {
        foreach (var rank in start.Ranks)
            await SendAsync(new WorkerMessage { RankReady = new RankReady { JobId = start.JobId, Generation = start.Generation, Rank = rank, Endpoint = $"{Id}:{rank}", ProcessId = 1000 + rank } });
    }

    public Task ExitAsync(StartRanks start, int rank, RankOutcome outcome = RankOutcome.Unspecified, string signal = "SIGKILL")
        => SendAsync(new WorkerMessage { RankExited = new RankExited { JobId = start.JobId, Generation = start.Generation, Rank = rank, Outcome = outcome, Signal = outcome == RankOutcome.Unspecified ? signal : "" } });

    public Task FinishAsync(StartRanks start, int rank, RankOutcome outcome, long step)
        => SendAsync(new WorkerMessage { RankFinished = new RankFinished { JobId = start.JobId, Generation = start.Generation, Rank = rank, Outcome = outcome, Step = step } });

    public Task ProgressAsync(StartRanks start, long step)
        => SendAsync(new WorkerMessage
        {
            RankProgress = new RankProgress
            {
                JobId = start.JobId,
                Generation = start.Generation,
                Rank = 0,
                Step = step,
                Phase = "forward",
                StepSeconds = 0.5,
                Metrics = new StepMetrics { Step = step, StepSeconds = 0.5, TotalLoss = 10.0 / step, Generation = start.Generation },
            },
        });

    public Task ProposeAsync(StartRanks start, long step, string kind = "periodic", int attempt = 1)
        => SendAsync(new WorkerMessage
        {
            CheckpointWritten = new CheckpointWritten
            {
                JobId = start.JobId,
                Generation = start.Generation,
                Rank = 0,
                Proposal = new CheckpointProposal { Step = step, Attempt = attempt, Kind = kind, Samples = step * 32, WeightsXxh128 = "00", Directory = $"g{start.Generation}-s{step}-a{attempt}" },
            },
        });

    public async Task<CheckpointDecision> SaveAsync(StartRanks start, long step, string kind = "periodic")
    {
        await ProposeAsync(start, step, kind);
        return await VerdictAsync();
    }

    /// <summary>Ends the stream without a goodbye, as a crash or a cut cable does.</summary>
    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        call.Dispose();
        await Task.WhenAll(reading, beating);
        channel.Dispose();
    }

    /// <summary>Leaves in good order.</summary>
    public async Task LeaveAsync(string reason)
    {
        await SendAsync(new WorkerMessage { Goodbye = new Goodbye { Reason = reason } });
        await call.RequestStream.CompleteAsync();
    }

    private async Task ReadAsync()
    {
        try
        {
            await foreach (var order in call.ResponseStream.ReadAllAsync())
                orders.Writer.TryWrite(order);
        }
        catch (RpcException)
        {
            // The stream is over.
        }

        orders.Writer.TryComplete();
    }

    private async Task BeatAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), ending.Token);
                await SendAsync(new WorkerMessage { Heartbeat = new Heartbeat() });
            }
        }
        catch (Exception error) when (error is OperationCanceledException or RpcException or InvalidOperationException or ObjectDisposedException)
        {
            // The stream is over.
        }
    }
}
