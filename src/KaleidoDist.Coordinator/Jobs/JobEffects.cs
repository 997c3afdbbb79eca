using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>Carries out what <see cref="JobMachine"/> decided. An effect that finds something out answers with the next command.</summary>
internal sealed partial class JobEffects(IGrainFactory grains, WorkerHub hub, ICheckpointLedger ledger, DatasetRecords datasets, SessionKeys keys, TimeProvider time, ILogger<JobEffects> logger)
{
    /// <summary>How often, and how long, a job is told again what it could not store.</summary>
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(1);
    private const int MaxTellings = 3600;

    private readonly Episodes unretained = new();

    private IPoolGrain Pool => grains.GetGrain<IPoolGrain>(IPoolGrain.TheOne);

    /// <summary>Carries out one effect.</summary>
    /// <param name="job">The job as stored.</param>
    /// <param name="effect">What to do.</param>
    /// <returns>What it found out; null for nothing.</returns>
    public async Task<JobCommand?> PerformAsync(JobState job, JobEffect effect)
    {
        switch (effect)
        {
            case JobEffect.FindCheckpoint:
                _ = Task.Run(() => FindCheckpointAsync(job));
                return null;
            case JobEffect.AcquireSlots ask:
                var reply = await Pool.Ask(new SlotAsk(job.JobId, ask.FirstMember, ask.Need, ask.Max, ask.Growth, ask.Avoid));
                return reply.Seats.IsEmpty ? new JobCommand.SlotsShort(ask.FirstMember, reply.Free) : new JobCommand.SlotsGranted(ask.FirstMember, reply.Seats);
            case JobEffect.WithdrawAsk withdraw:
                await Pool.Withdraw(job.JobId, withdraw.FirstMember);
                return null;
            case JobEffect.ReturnSlots unused:
                await Pool.Return(job.JobId, unused.Seats);
                return null;
            case JobEffect.AdoptSlots adopt:
                await Pool.Adopt(job.JobId, adopt.Seats);
                return null;
            case JobEffect.StartRanks start:
                return await StartRanksAsync(job, start);
            case JobEffect.FormGeneration form:
                // A worker without a stream registers again, and is then told again.
                hub.TrySend(form.WorkerId, WireOrders.Form(job, form, keys.OfGeneration(job.JobId, form.Generation), time.GetUtcNow()));
                return null;
            case JobEffect.DonateState donate:
                // The joiner has had the key since its start. One that gets nothing is given up in time.
                hub.TrySend(donate.WorkerId, WireOrders.Donate(job.JobId, donate, keys.OfJoiner(job.JobId, donate.Joiner)));
                return null;
            case JobEffect.StopRanks stop:
                // What a worker without a stream still runs of the past is stopped when it registers.
                hub.TrySend(stop.WorkerId, WireOrders.Stop(job.JobId, stop.Generation, stop.WithCheckpoint, stop.Members));
                return null;
            case JobEffect.CommitCheckpoint commit:
                return await CommitAsync(job, commit);
            case JobEffect.SendVerdict verdict:
                // The same: a rank whose verdict was lost proposes again.
                hub.TrySend(verdict.WorkerId, WireOrders.Verdict(job.JobId, job.Seats.FirstOrDefault(s => s.Member == verdict.Member)?.Rank ?? 0, verdict));
                return null;
            case JobEffect.Retain retain:
                return await RetainAsync(job, retain);
            case JobEffect.MakeRoom ask:
                return await MakeRoomAsync(job, ask);
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "unknown job effect");
        }
    }

    /// <summary>Reads all bytes of a checkpoint, which may take minutes: beside the grain, which has no ranks meanwhile and hears of the result.</summary>
    private async Task FindCheckpointAsync(JobState job)
    {
        JobCommand answer;
        try
        {
            answer = ledger.FindLatestValid(job);
        }
        catch (KaleidoException error)
        {
            answer = new JobCommand.PreparationFailed(error.Message);
        }
        catch (Exception error)
        {
            NotSearched(job.JobId, job.Spec.Checkpoint.Root, error);
            answer = new JobCommand.PreparationFailed($"'{job.Spec.Checkpoint.Root}' cannot be read: {error.Message} Mend it and submit the job again.");
        }

        await TellAsync(job.JobId, answer);
    }

    /// <summary>A job that cannot store what was found waits for it still: it is told until it can.</summary>
    private async Task TellAsync(string jobId, JobCommand answer)
    {
        for (var telling = 1; ; telling++)
        {
            try
            {
                await grains.GetGrain<IJobGrain>(jobId).Apply(answer);
                return;
            }
            catch (Exception error) when (telling < MaxTellings && error is not ObjectDisposedException)
            {
                NotTold(jobId, error);
                await Task.Delay(TellAgain, time);
            }
        }
    }

    private async Task<JobCommand?> StartRanksAsync(JobState job, JobEffect.StartRanks start)
    {
        try
        {
            var train = await datasets.GetAsync(job.Datasets.TrainKey);
            var validation = job.Datasets.ValidationKey is { } key ? await datasets.GetAsync(key) : null;
            if (Orders(start).All(o => hub.TrySend(start.WorkerId, WireOrders.Start(job, o, train, validation, o.Joining ? keys.OfJoiner(job.JobId, o.Members[0]) : []))))
                return null;
        }
        catch (KaleidoException error)
        {
            return new JobCommand.PreparationFailed(error.Message);
        }

        foreach (var member in start.Members)
            await Pool.Vacate(start.WorkerId, new SlotUse(job.JobId, member));
        return new JobCommand.WorkerUnreachable(start.WorkerId, start.Members);
    }

    /// <summary>Joiners are ordered one by one: each has a key of its own.</summary>
    private static IEnumerable<JobEffect.StartRanks> Orders(JobEffect.StartRanks start)
        => start.Joining ? start.Members.Select(m => start with { Members = [m] }) : [start];

    private async Task<JobCommand> CommitAsync(JobState job, JobEffect.CommitCheckpoint commit)
    {
        return await Task.Run(() => Commit(job, commit)) switch
        {
            CommitOutcome.Committed committed => new JobCommand.CheckpointCommitted(commit.Generation, commit.Draft.Attempt, committed.Entry, committed.Head),
            CommitOutcome.Refused refused => new JobCommand.CheckpointRefused(commit.Generation, commit.Draft.Step, commit.Draft.Attempt, refused.Error, refused.LostLineage),
            _ => throw new InvalidOperationException("unknown outcome of a commit"),
        };
    }

    /// <summary>Whatever goes wrong, the rank waits for an answer.</summary>
    private CommitOutcome Commit(JobState job, JobEffect.CommitCheckpoint commit)
    {
        try
        {
            return ledger.Commit(job, commit);
        }
        catch (Exception error)
        {
            NotCommitted(job.JobId, commit.Draft.Step, error);
            return new CommitOutcome.Refused(error.Message, LostLineage: false);
        }
    }

    private async Task<JobCommand?> RetainAsync(JobState job, JobEffect.Retain retain)
    {
        try
        {
            var removed = await Task.Run(() => ledger.Retain(job, retain));
            if (unretained.End(job.JobId))
                RetainedAgain(job.JobId, job.Spec.Checkpoint.Root);
            return removed.IsEmpty ? null : new JobCommand.CheckpointsRemoved(removed);
        }
        catch (Exception error) when (error is KaleidoException or IOException or UnauthorizedAccessException)
        {
            if (unretained.Begin(job.JobId))
                NotRetained(job.JobId, job.Spec.Checkpoint.Root, error);
            return null;
        }
    }

    /// <summary>Whatever goes wrong, the ranks wait for an answer.</summary>
    private async Task<JobCommand> MakeRoomAsync(JobState job, JobEffect.MakeRoom ask)
    {
        var freed = FreedRoom.None;
        try
        {
            freed = await Task.Run(() => ledger.MakeRoom(job, ask));
        }
        catch (Exception error) when (error is KaleidoException or IOException or UnauthorizedAccessException)
        {
            NotRetained(job.JobId, job.Spec.Checkpoint.Root, error);
        }

        return new JobCommand.RoomMade(ask.Generation, ask.Step, ask.Attempt, ask.Why, freed);
    }

    [LoggerMessage(LogLevel.Debug, "Job {JobId} could not be told of its checkpoint; it will be told again")]
    private partial void NotTold(string jobId, Exception error);

    [LoggerMessage(LogLevel.Error, "{Root} of job {JobId} cannot be searched for checkpoints")]
    private partial void NotSearched(string jobId, string root, Exception error);

    [LoggerMessage(LogLevel.Error, "Step {Step} of job {JobId} was not committed; its ranks go on and save again later")]
    private partial void NotCommitted(string jobId, long step, Exception error);

    [LoggerMessage(LogLevel.Warning, "Old checkpoints of job {JobId} cannot be removed from {Root}; more space is used than need be. Mend the folder's rights")]
    private partial void NotRetained(string jobId, string root, Exception error);

    [LoggerMessage(LogLevel.Information, "Old checkpoints of job {JobId} are removed from {Root} again")]
    private partial void RetainedAgain(string jobId, string root);
}
