using System.Collections.Immutable;
using Orleans.Concurrency;

namespace KaleidoDist.Coordinator;

/// <summary>One worker id: who holds it, and whether it is alive. In memory, but for a drain: that outlives the coordinator that was asked for it.</summary>
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

    /// <summary>The worker is to run no ranks any more: its jobs do without it, and when it runs nothing it is dismissed.</summary>
    /// <returns>Processes it runs now; -1 when no such worker is connected.</returns>
    [Alias("Drain")]
    Task<int> Drain(string why);

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
    [property: Id(0)] string Host, [property: Id(1)] string State, [property: Id(2)] DateTimeOffset ConnectedAt,
    [property: Id(3)] DateTimeOffset LastHeartbeatAt, [property: Id(4)] string Version, [property: Id(5)] int Slots)
{
    /// <summary><see cref="State"/> of a worker that nobody holds.</summary>
    public const string Lost = "lost";
}

/// <summary>What a <see cref="WorkerGrain"/> stores.</summary>
internal sealed class WorkerRecord
{
    /// <summary>The newest drain of the worker; null before the first. It holds for the process it names and no other.</summary>
    public WorkerDrain? Drain { get; set; }
}

/// <summary>A worker's process that is to run no ranks any more.</summary>
/// <param name="Incarnation">The process.</param>
/// <param name="Why">Why.</param>
internal sealed record WorkerDrain(string Incarnation, string Why);

/// <summary>A <see cref="WorkerLease"/>, and the news of its changes to pool and jobs. News that a job could not store is told again.</summary>
internal sealed partial class WorkerGrain(
    [PersistentState("worker", SqliteGrainStorage.Name)] IPersistentState<WorkerRecord> record,
    CoordinatorOptions options, CoordinatorClock clock, WorkerHub hub, WorkerRoll roll, ILogger<WorkerGrain> logger) : Grain, IWorkerGrain
{
    private static readonly TimeSpan RememberLost = TimeSpan.FromMinutes(10);

    private readonly Queue<(string JobId, JobCommand News)> untold = new();
    private WorkerLease lease = new();
    private WorkerHello hello = new("", 0, "", []);
    private long dismissedSession;

    private string Id => this.GetPrimaryKeyString();

    private IPoolGrain Pool => GrainFactory.GetGrain<IPoolGrain>(IPoolGrain.TheOne);

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (record.State.Drain is { } drain)
            lease = lease with { Incarnation = drain.Incarnation, Draining = drain.Why };
        return Task.CompletedTask;
    }

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
        await TellRest();
        this.hello = hello;
        foreach (var jobId in (await Pool.Suspend(Id)).Union(hello.Jobs.Select(j => j.JobId)))
        {
            var seats = hello.Jobs.FirstOrDefault(j => j.JobId == jobId)?.Seats ?? [];
            if (!await Job(jobId).Apply(new JobCommand.WorkerRegistered(Id, seats)) && seats.Length > 0)
                hub.TrySend(Id, WireOrders.Stop(jobId, seats.Max(s => s.Generation), withCheckpoint: false, seats.Select(s => s.Member)));
        }

        await Pool.Enroll(Id, lease.Incarnation, hello, offers: lease.Draining is null);
        Connected(Id, hello.Slots);
        if (lease.Draining is { } why)
            await Drain(why);
    }

    /// <inheritdoc/>
    public async Task Beat(long session)
    {
        var wasSilent = lease.Standing == WorkerStanding.Silent;
        lease = lease.Beat(session, clock.Now);
        if (wasSilent && lease.Standing == WorkerStanding.Connected)
            await Tell(lease.Draining is null ? await Pool.Resume(Id) : await Pool.Suspend(Id), new JobCommand.WorkerSuspected(Id, null));
    }

    /// <inheritdoc/>
    public Task StreamEnded(long session, string? goodbye) => Settle(lease.StreamEnded(session, goodbye, clock.Now));

    /// <inheritdoc/>
    public async Task<int> Drain(string why)
    {
        if (!lease.IsHeld)
            return -1;
        if (lease.Draining is null)
        {
            await Keep(new WorkerDrain(lease.Incarnation, why));
            lease = lease with { Draining = why };
            Draining(Id, why);
        }

        await Tell(await Pool.Suspend(Id), new JobCommand.WorkerLeaving(Id, lease.Draining));
        return await InUse();
    }

    /// <inheritdoc/>
    public async Task<bool> Look()
    {
        await TellRest();
        await Settle(lease.Look(new LeaseTimes(options.SilentAfter, options.LeaseTime, options.ReconnectGrace), clock.Now));
        if (lease is { Draining: { } why, Standing: WorkerStanding.Connected } && dismissedSession != lease.Session && await InUse() == 0)
        {
            dismissedSession = lease.Session;
            hub.TrySend(Id, WireOrders.Dismissed($"worker {Id} was drained ({why}) and runs nothing any more"));
        }

        return lease.Standing != WorkerStanding.Lost || untold.Count > 0 || clock.Now - lease.LastHeartbeatAt < RememberLost;
    }

    /// <inheritdoc/>
    public Task<WorkerView> View()
    {
        var state = !lease.IsHeld ? WorkerView.Lost : lease.Draining is not null ? "draining" : "connected";
        return Task.FromResult(new WorkerView(hello.Host, state, lease.ConnectedAt, lease.LastHeartbeatAt, hello.Version, hello.Slots));
    }

    private IJobGrain Job(string jobId) => GrainFactory.GetGrain<IJobGrain>(jobId);

    private async Task<int> InUse() => (await Pool.Counts()).FirstOrDefault(c => c.WorkerId == Id)?.InUse ?? 0;

    /// <summary>Writes a drain. When that fails the worker is not drained: whoever asked for it is told.</summary>
    private async Task Keep(WorkerDrain drain)
    {
        var before = record.State.Drain;
        record.State.Drain = drain;
        try
        {
            await record.WriteStateAsync();
        }
        catch (Exception error)
        {
            record.State.Drain = before;
            throw StateNotWritten.Error($"worker {Id}", error);
        }
    }

    private async Task Settle(LeaseVerdict verdict)
    {
        lease = verdict.Lease;
        if (verdict.Why is not { } why)
            return;
        if (lease.Standing != WorkerStanding.Lost)
        {
            Suspected(Id, why, lease.Standing == WorkerStanding.Suspect ? options.ReconnectGrace : options.LeaseTime - options.SilentAfter);
            await Tell(await Pool.Suspend(Id), new JobCommand.WorkerSuspected(Id, why));
            return;
        }

        Lost(Id, why);
        hub.Close(Id, lease.Session);
        await Tell(await Pool.Remove(Id), new JobCommand.WorkerLost(Id, why));
    }

    private async Task Tell(ImmutableArray<string> jobs, JobCommand news)
    {
        foreach (var jobId in jobs)
            untold.Enqueue((jobId, news));
        await TellRest();
    }

    /// <summary>In order, each until its job has stored it: a full disk delays the news of a death and does not lose it.</summary>
    private async Task TellRest()
    {
        while (untold.TryPeek(out var next))
        {
            await Job(next.JobId).Apply(next.News);
            untold.TryDequeue(out _);
        }
    }

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} is connected with {Slots} slots")]
    private partial void Connected(string workerId, int slots);

    [LoggerMessage(LogLevel.Information, "Worker {WorkerId} is drained: {Why}")]
    private partial void Draining(string workerId, string why);

    [LoggerMessage(LogLevel.Warning, "Worker {WorkerId} is suspect: {Why}; its ranks are lost unless it is back within {Grace}, or at once if a peer lost one of them")]
    private partial void Suspected(string workerId, string why, TimeSpan grace);

    [LoggerMessage(LogLevel.Warning, "Worker {WorkerId} {Why}; its jobs go on without it")]
    private partial void Lost(string workerId, string why);
}
