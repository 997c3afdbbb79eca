using System.Collections.Immutable;
using Orleans.Concurrency;

namespace KaleidoDist.Coordinator;

/// <summary>One worker id: who holds it, and whether it is alive. In memory only.</summary>
[Alias("kaleido.IWorkerGrain")]
internal interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>A process wants to connect under this id.</summary>
    /// <returns>False when a newer process has the id.</returns>
    [Alias("Admit")]
    Task<bool> Admit(string incarnation, long session);

    /// <summary>An admitted process says what it has and runs: jobs are told first, then its free slots are offered.</summary>
    [Alias("Announce")]
    Task Announce(WorkerHello hello, long session);

    /// <summary>A sign of life.</summary>
    [Alias("Beat")]
    Task Beat(long session);

    /// <summary>A stream ended; <paramref name="goodbye"/> is not null when the worker left of its own will.</summary>
    [Alias("StreamEnded")]
    Task StreamEnded(long session, string? goodbye);

    /// <summary>Time passed.</summary>
    /// <returns>False when the worker has been lost for so long that nobody need look at it again.</returns>
    [Alias("Look")]
    Task<bool> Look();

    /// <summary>What is known of it.</summary>
    [Alias("View"), AlwaysInterleave]
    Task<WorkerView> View();
}

/// <summary>What a worker says of itself.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.WorkerHello")]
internal sealed record WorkerHello(
    [property: Id(0)] string Host, [property: Id(1)] int Slots, [property: Id(2)] string Version,
    [property: Id(3)] ImmutableArray<JobSeats> Jobs);

/// <summary>Ranks of one job that run on a worker.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.JobSeats")]
internal sealed record JobSeats([property: Id(0)] string JobId, [property: Id(1)] ImmutableArray<RunningSeat> Seats);

/// <summary>A worker as people see it.</summary>
[GenerateSerializer, Immutable, Alias("kaleido.WorkerView")]
internal sealed record WorkerView(
    [property: Id(0)] string Host, [property: Id(1)] bool IsConnected, [property: Id(2)] DateTimeOffset ConnectedAt,
    [property: Id(3)] DateTimeOffset LastHeartbeatAt, [property: Id(4)] string Version, [property: Id(5)] int Slots);

/// <summary>A <see cref="WorkerLease"/>, and the news of its changes to pool and jobs.</summary>
internal sealed partial class WorkerGrain(CoordinatorOptions options, CoordinatorClock clock, WorkerHub hub, WorkerRoll roll, ILogger<WorkerGrain> logger) : Grain, IWorkerGrain
{
    private static readonly TimeSpan RememberLost = TimeSpan.FromMinutes(10);

    private WorkerLease lease = new();
    private WorkerHello hello = new("", 0, "", []);

    private string Id => this.GetPrimaryKeyString();

    private IPoolGrain Pool => GrainFactory.GetGrain<IPoolGrain>(IPoolGrain.TheOne);

    /// <inheritdoc/>
    public async Task<bool> Admit(string incarnation, long session)
    {
        if (lease.Admit(incarnation, session, clock.Now) is not { } admitted)
            return false;
        await Pool.Suspend(Id);
        lease = admitted;
        roll.Add(Id);
        return true;
    }

    /// <inheritdoc/>
    public async Task Announce(WorkerHello hello, long session)
    {
        if (session != lease.Session)
            return;
        this.hello = hello;
        foreach (var jobId in (await Pool.Suspend(Id)).Union(hello.Jobs.Select(j => j.JobId)))
        {
            var seats = hello.Jobs.FirstOrDefault(j => j.JobId == jobId)?.Seats ?? [];
            if (!await GrainFactory.GetGrain<IJobGrain>(jobId).Apply(new JobCommand.WorkerRegistered(Id, seats)) && seats.Length > 0)
                hub.TrySend(Id, WireOrders.Stop(jobId, seats.Max(s => s.Generation), withCheckpoint: false));
        }

        await Pool.Enroll(Id, hello.Host, hello.Slots, [.. hello.Jobs.SelectMany(j => j.Seats.Select(s => new SlotUse(j.JobId, s.Generation, s.Rank)))]);
        Connected(Id, hello.Slots);
    }

    /// <inheritdoc/>
    public Task Beat(long session)
    {
        lease = lease.Beat(session, clock.Now);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StreamEnded(long session, string? goodbye)
    {
        var verdict = lease.StreamEnded(session, goodbye, clock.Now);
        if (verdict.Lease.Standing == WorkerStanding.Suspect && lease.Standing != WorkerStanding.Suspect)
        {
            StreamBroken(Id, options.ReconnectGrace);
            await Pool.Suspend(Id);
        }

        await Settle(verdict);
    }

    /// <inheritdoc/>
    public async Task<bool> Look()
    {
        await Settle(lease.Look(options.LeaseTime, options.ReconnectGrace, clock.Now));
        return lease.Standing != WorkerStanding.Lost || clock.Now - lease.LastHeartbeatAt < RememberLost;
    }

    /// <inheritdoc/>
    public Task<WorkerView> View() => Task.FromResult(new WorkerView(
        hello.Host, lease.Standing is WorkerStanding.Connected or WorkerStanding.Suspect, lease.ConnectedAt, lease.LastHeartbeatAt, hello.Version, hello.Slots));

    private async Task Settle(LeaseVerdict verdict)
    {
        lease = verdict.Lease;
        if (verdict.Why is not { } why)
            return;
        Lost(Id, why);
        hub.Close(Id, lease.Session);
        foreach (var jobId in await Pool.Remove(Id))
            await GrainFactory.GetGrain<IJobGrain>(jobId).Apply(new JobCommand.WorkerLost(Id, why));
    }

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} is connected with {Slots} slots")]
    private partial void Connected(string workerId, int slots);

    [LoggerMessage(LogLevel.Warning, "The stream of worker {WorkerId} broke; its ranks are lost unless it reconnects within {Grace}")]
    private partial void StreamBroken(string workerId, TimeSpan grace);

    [LoggerMessage(LogLevel.Warning, "Worker {WorkerId} {Why}; its jobs go on without it")]
    private partial void Lost(string workerId, string why);
}
