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

    public Task<DonateState> DonateAsync() => NextAsync(o => o.DonateState);

    public Task<Dismissed> DismissedAsync() => NextAsync(o => o.Dismissed);

    /// <summary>Reports every process of an order ready.</summary>
    public async Task ReadyAsync(StartRanks start, string capability = "AVX2")
    {
        foreach (var member in start.Members)
            await SendAsync(new WorkerMessage { RankReady = new RankReady { JobId = start.JobId, Member = member, Endpoint = $"{Id}:{member}", ProcessId = (int)(1000 + member), Environment = { ["cpu_capability"] = capability } } });
    }

    /// <summary>Waits for the order to form a generation, and reports its processes here to have formed it.</summary>
    public async Task<FormGeneration> FormedAsync(long step = 0)
    {
        var form = await FormAsync();
        foreach (var member in form.Members.Where(m => m.WorkerId == Id))
            await SendAsync(new WorkerMessage { RankFormed = new RankFormed { JobId = form.JobId, Generation = form.Generation, Rank = member.Rank, Member = member.Member, Step = step, ConnectSeconds = 0.25, AgreeSeconds = 0.5, CatchUpSeconds = 0.125, CaughtUp = "nothing" } });
        return form;
    }

    public Task ExitAsync(string jobId, long member, RankOutcome outcome = RankOutcome.Unspecified, string signal = "SIGKILL")
        => SendAsync(new WorkerMessage { RankExited = new RankExited { JobId = jobId, Member = member, Outcome = outcome, Signal = outcome == RankOutcome.Unspecified ? signal : "" } });

    public Task FinishAsync(string jobId, long member, RankOutcome outcome, long step)
        => SendAsync(new WorkerMessage { RankFinished = new RankFinished { JobId = jobId, Member = member, Outcome = outcome, Step = step } });

    /// <summary>A step of rank 0.</summary>
    public Task ProgressAsync(FormGeneration form, long step)
        => SendAsync(new WorkerMessage
        {
            RankProgress = new RankProgress
            {
                JobId = form.JobId,
                Generation = form.Generation,
                Rank = 0,
                Member = form.Members[0].Member,
                Step = step,
                Phase = "forward",
                StepSeconds = 0.5,
                Metrics = new StepMetrics { Step = step, StepSeconds = 0.5, TotalLoss = 10.0 / step, Generation = form.Generation },
            },
        });

    /// <summary>Every member of a generation, all of which run here, reports its shard.</summary>
    public async Task ProposeAsync(FormGeneration form, long step, string kind = "periodic", int attempt = 1)
    {
        for (var rank = 0; rank < form.Members.Count; rank++)
        {
            await SendAsync(new WorkerMessage
            {
                CheckpointWritten = new CheckpointWritten
                {
                    JobId = form.JobId,
                    Generation = form.Generation,
                    Rank = rank,
                    Member = form.Members[rank].Member,
                    Proposal = new CheckpointProposal
                    {
                        Generation = form.Generation, Step = step, Attempt = attempt, Kind = kind, Samples = step * 32, WeightsXxh128 = "00",
                        Directory = $"g{form.Generation}-s{step}-a{attempt}", Shard = rank + 1, ShardCount = form.Members.Count,
                    },
                },
            });
        }
    }

    /// <summary>Reports all shards and waits until every member was answered.</summary>
    public async Task<CheckpointDecision> SaveAsync(FormGeneration form, long step, string kind = "periodic")
    {
        await ProposeAsync(form, step, kind);
        CheckpointDecision decision = null!;
        for (var rank = 0; rank < form.Members.Count; rank++)
            decision = await VerdictAsync();
        return decision;
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
        catch (Exception error) when (error is OperationCanceledException or RpcException or IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The stream is over.
        }
    }
}
