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
    Task<SlotReply> Ask(string jobId, long generation, int need, int max);

    /// <summary>Forgets the ask of a generation and takes back what it was dealt.</summary>
    [Alias("Release")]
    Task Release(string jobId, long generation);

    /// <summary>A job says after a restart what it holds.</summary>
    [Alias("Adopt")]
    Task Adopt(string jobId, long generation, ImmutableArray<SlotSeat> seats);

    /// <summary>A worker has these slots, and runs exactly this.</summary>
    [Alias("Enroll")]
    Task Enroll(string workerId, string host, int slots, ImmutableArray<SlotUse> running);

    /// <summary>Deals no more slots of a worker for now.</summary>
    /// <returns>Jobs with ranks on it.</returns>
    [Alias("Suspend")]
    Task<ImmutableArray<string>> Suspend(string workerId);

    /// <summary>A worker is lost.</summary>
    /// <returns>Jobs that had ranks on it.</returns>
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
/// <param name="Seats">The slots dealt; empty when there are not enough.</param>
/// <param name="Free">Free slots when there are not enough.</param>
[GenerateSerializer, Immutable, Alias("kaleido.SlotReply")]
internal sealed record SlotReply([property: Id(0)] ImmutableArray<SlotSeat> Seats, [property: Id(1)] int Free);

/// <summary>A <see cref="SlotLedger"/> that tells jobs when slots become free.</summary>
internal sealed class PoolGrain : Grain, IPoolGrain
{
    private readonly SlotLedger ledger = new();

    /// <inheritdoc/>
    public Task<SlotReply> Ask(string jobId, long generation, int need, int max)
    {
        var grant = ledger.Ask(new SlotAsk(jobId, generation, need, max));
        foreach (var dealt in ledger.Deal())
        {
            if (dealt.JobId == jobId)
                grant = dealt;
            else
                Tell(dealt);
        }

        return Task.FromResult(new SlotReply(grant?.Seats ?? [], ledger.Free));
    }

    /// <inheritdoc/>
    public Task Release(string jobId, long generation)
    {
        ledger.Release(jobId, generation);
        return Deal();
    }

    /// <inheritdoc/>
    public Task Adopt(string jobId, long generation, ImmutableArray<SlotSeat> seats)
    {
        foreach (var seat in seats)
            ledger.Adopt(seat.WorkerId, seat.Host, [new SlotUse(jobId, generation, seat.Rank)]);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Enroll(string workerId, string host, int slots, ImmutableArray<SlotUse> running)
    {
        ledger.Enroll(workerId, host, slots, running);
        return Deal();
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> Suspend(string workerId)
    {
        ledger.Suspend(workerId);
        return Task.FromResult(ledger.JobsOn(workerId));
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

    /// <summary>One way: the job may be calling this grain at the same moment. A message that is lost is asked for again at the job's next tick.</summary>
    private void Tell(SlotGrant grant)
        => GrainFactory.GetGrain<IJobGrain>(grant.JobId).Notify(new JobCommand.SlotsGranted(grant.Generation, grant.Seats)).Ignore();
}
