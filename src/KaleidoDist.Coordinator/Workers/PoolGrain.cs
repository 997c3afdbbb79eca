using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>The slots of all workers. One grain: dealing is one decision at a time. In memory; after a restart jobs and workers fill it again.</summary>
[Alias("kaleido.IPoolGrain")]
internal interface IPoolGrain : IGrainWithIntegerKey
{
    /// <summary>Key of the one pool.</summary>
    const long TheOne = 0;

    /// <summary>Asks for slots.</summary>
    /// <returns>The slots when there are enough; later the job is notified.</returns>
    [Alias("Ask")]
    Task<SlotReply> Ask(SlotAsk ask);

    /// <summary>Forgets an ask and takes back what it was dealt.</summary>
    [Alias("Withdraw")]
    Task Withdraw(string jobId, long firstMember);

    /// <summary>A job gives slots back that it started no process in.</summary>
    [Alias("Return")]
    Task Return(string jobId, ImmutableArray<SlotSeat> seats);

    /// <summary>A job says after a restart what it holds.</summary>
    [Alias("Adopt")]
    Task Adopt(string jobId, ImmutableArray<SlotSeat> seats);

    /// <summary>A worker has these slots, and runs exactly this.</summary>
    /// <param name="workerId">The worker.</param>
    /// <param name="incarnation">Its process.</param>
    /// <param name="hello">What it has.</param>
    /// <param name="offers">Whether its free slots may be dealt.</param>
    [Alias("Enroll")]
    Task Enroll(string workerId, string incarnation, WorkerHello hello, bool offers);

    /// <summary>Deals no more slots of a worker for now.</summary>
    /// <returns>Jobs with processes on it.</returns>
    [Alias("Suspend")]
    Task<ImmutableArray<string>> Suspend(string workerId);

    /// <summary>Deals a suspended worker's slots again.</summary>
    /// <returns>Jobs with processes on it.</returns>
    [Alias("Resume")]
    Task<ImmutableArray<string>> Resume(string workerId);

    /// <summary>A worker is lost.</summary>
    /// <returns>Jobs that had processes on it.</returns>
    [Alias("Remove")]
    Task<ImmutableArray<string>> Remove(string workerId);

    /// <summary>The process in a slot is gone.</summary>
    [Alias("Vacate")]
    Task Vacate(string workerId, SlotUse use);

    /// <summary>All workers and their slots.</summary>
    [Alias("Counts")]
    Task<ImmutableArray<SlotCount>> Counts();
}

/// <summary>Answer to an ask.</summary>
/// <param name="FirstMember">The ask.</param>
/// <param name="Seats">The slots dealt; empty when there are not enough.</param>
/// <param name="Free">Free slots when there are not enough.</param>
[GenerateSerializer, Immutable, Alias("kaleido.SlotReply")]
internal sealed record SlotReply([property: Id(0)] long FirstMember, [property: Id(1)] ImmutableArray<SlotSeat> Seats, [property: Id(2)] int Free);

/// <summary>A <see cref="SlotLedger"/> that tells jobs when slots become free. Lives as long as its silo: a pool that was collected in quiet times would know no slots.</summary>
[KeepAlive]
internal sealed class PoolGrain : Grain, IPoolGrain
{
    private readonly SlotLedger ledger = new();

    /// <inheritdoc/>
    public Task<SlotReply> Ask(SlotAsk ask)
    {
        var grant = ledger.Ask(ask);
        foreach (var dealt in ledger.Deal())
        {
            if (dealt.JobId == ask.JobId)
                grant = dealt;
            else
                Tell(dealt);
        }

        return Task.FromResult(new SlotReply(ask.FirstMember, grant?.Seats ?? [], ledger.Free));
    }

    /// <inheritdoc/>
    public Task Withdraw(string jobId, long firstMember)
    {
        ledger.Withdraw(jobId, firstMember);
        return Deal();
    }

    /// <inheritdoc/>
    public Task Return(string jobId, ImmutableArray<SlotSeat> seats)
    {
        foreach (var seat in seats)
            ledger.Vacate(seat.WorkerId, new SlotUse(jobId, seat.Member));
        return Deal();
    }

    /// <inheritdoc/>
    public Task Adopt(string jobId, ImmutableArray<SlotSeat> seats)
    {
        foreach (var seat in seats)
            ledger.Adopt(seat.WorkerId, seat.Host, [new SlotUse(jobId, seat.Member)]);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Enroll(string workerId, string incarnation, WorkerHello hello, bool offers)
    {
        ledger.Enroll(workerId, incarnation, hello.Host, hello.Slots, hello.Jobs.SelectMany(j => j.Seats.Select(s => new SlotUse(j.JobId, s.Member))));
        if (!offers)
            ledger.Suspend(workerId);
        return Deal();
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> Suspend(string workerId)
    {
        ledger.Suspend(workerId);
        return Task.FromResult(ledger.JobsOn(workerId));
    }

    /// <inheritdoc/>
    public async Task<ImmutableArray<string>> Resume(string workerId)
    {
        ledger.Resume(workerId);
        await Deal();
        return ledger.JobsOn(workerId);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> Remove(string workerId)
    {
        var jobs = ledger.JobsOn(workerId);
        ledger.Remove(workerId);
        return Task.FromResult(jobs);
    }

    /// <inheritdoc/>
    public Task Vacate(string workerId, SlotUse use)
    {
        ledger.Vacate(workerId, use);
        return Deal();
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<SlotCount>> Counts() => Task.FromResult(ledger.Counts());

    private Task Deal()
    {
        foreach (var grant in ledger.Deal())
            Tell(grant);
        return Task.CompletedTask;
    }

    /// <summary>One way: the job may be calling this grain at the same moment. A message that is lost is asked for again by the job.</summary>
    private void Tell(SlotGrant grant)
        => GrainFactory.GetGrain<IJobGrain>(grant.JobId).Notify(new JobCommand.SlotsGranted(grant.FirstMember, grant.Seats)).Ignore();
}
