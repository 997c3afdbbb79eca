using KaleidoDist.Contracts;
using Orleans.Storage;

namespace KaleidoDist.Coordinator;

/// <summary>What a <see cref="JobGrain"/> stores.</summary>
internal sealed class JobRecord
{
    /// <summary>The job; null before its submit.</summary>
    public JobState? Job { get; set; }

    /// <summary>What the keys of its data plane are derived from, hex.</summary>
    public string? Secret { get; set; }
}

/// <summary>
/// A job's shell: asks <see cref="JobMachine"/>, writes, then acts. One command at a time; what a command's effects find out is applied in
/// the same turn. The write is conditional on the version that was read, so a second activation could never take effect.
/// </summary>
internal sealed partial class JobGrain(
    [PersistentState("job", SqliteGrainStorage.Name)] IPersistentState<JobRecord> record,
    JobMachine machine, JobEffects effects, JobBoard board, SessionKeys keys, CoordinatorClock clock, ILogger<JobGrain> logger) : Grain, IJobGrain
{
    /// <summary>Whether the newest write failed.</summary>
    private bool isUnwritten;

    private string Id => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (record.State.Job is not { } job)
            return;
        keys.Keep(Id, record.State.Secret ??= SessionKeys.NewSecret());
        // A job at rest does not move on a restart, but people ask for it.
        board.Publish(job);
        await Run(new JobCommand.CoordinatorRestarted());
    }

    /// <inheritdoc/>
    public Task<bool> Wake() => Task.FromResult(record.State.Job is not null);

    /// <inheritdoc/>
    public async Task<SubmitAnswer> Submit(JobSubmission submission)
    {
        var submit = new JobCommand.Submit(
            JobSpec.FromJson(submission.SpecJson),
            new TrainingExtent(submission.RowCount, submission.TotalSteps),
            new JobDatasets(submission.TrainKey, submission.TrainFingerprint, submission.ValidationKey),
            submission.StopAfterStep,
            submission.Key)
        {
            ResumeSeq = submission.ResumeSeq,
        };
        if (record.State.Job is not { } job)
        {
            keys.Keep(Id, record.State.Secret ??= SessionKeys.NewSecret());
            await Run(JobMachine.Create(Id, submit, clock.Now));
            return new SubmitAnswer(Id, Created: true, Resumed: false, []);
        }

        if (submit.ResumeSeq > 0 && !JobMachine.Knows(job, submit.Key) && !JobMachine.AcceptsSpec(job))
            return new SubmitAnswer(Id, Created: false, Resumed: false, [$"job {Id} has running ranks and cannot go back to checkpoint {submit.ResumeSeq}; stop it with 'kaleido stop {Id}', then submit it again"]);
        if (JobMachine.Knows(job, submit.Key) || !JobMachine.AcceptsSpec(job))
            return new SubmitAnswer(Id, Created: false, Resumed: false, []);
        if (SpecCompatibility.Conflicts(job, submit) is { Count: > 0 } conflicts)
            return new SubmitAnswer(Id, Created: false, Resumed: false, [.. conflicts]);
        await Run(submit);
        return new SubmitAnswer(Id, Created: false, Resumed: job.Phase.IsAtRest() && record.State.Job.Revision > job.Revision, []);
    }

    /// <inheritdoc/>
    public async Task<bool> Apply(JobCommand command)
    {
        if (record.State.Job is null)
            return false;
        await Run(command);
        return true;
    }

    /// <inheritdoc/>
    public Task Notify(JobCommand command) => Apply(command);

    private Task Run(JobCommand command) => Run(machine.Apply(record.State.Job!, command, clock.Now));

    private async Task Run(JobTransition transition)
    {
        var answers = new Queue<JobCommand>();
        await Take(transition, answers);
        while (answers.TryDequeue(out var answer))
            await Take(machine.Apply(record.State.Job!, answer, clock.Now), answers);
    }

    /// <summary>Writes the move, publishes it, acts on it; what the acts find out is queued.</summary>
    private async Task Take(JobTransition transition, Queue<JobCommand> answers)
    {
        var before = record.State.Job;
        await Keep(transition);
        if (before?.Phase != transition.State.Phase)
            Moved(Id, transition.State.Phase, transition.State.Generation, transition.Reason);
        if (!ReferenceEquals(before, transition.State))
            board.Publish(transition.State);
        foreach (var effect in transition.Effects)
        {
            if (await effects.PerformAsync(transition.State, effect) is { } answer)
                answers.Enqueue(answer);
        }
    }

    /// <summary>Writes what has to be written. When that fails nothing happened: whoever brought the news brings it again.</summary>
    private async Task Keep(JobTransition transition)
    {
        var before = record.State.Job;
        record.State.Job = transition.State;
        if (!transition.Durable)
            return;
        try
        {
            await record.WriteStateAsync();
            if (isUnwritten)
                WrittenAgain(Id);
            isUnwritten = false;
        }
        catch (InconsistentStateException)
        {
            // Another activation wrote: this one knows nothing any more.
            DeactivateOnIdle();
            throw;
        }
        catch (Exception error)
        {
            if (!isUnwritten)
                NotWritten(Id, error);
            isUnwritten = true;
            record.State.Job = before; // with what is known in memory only
            throw StateNotWritten.Error($"job {Id}", error);
        }
    }

    [LoggerMessage(LogLevel.Information, "Job {JobId} is {Phase} in generation {Generation}: {Reason}")]
    private partial void Moved(string jobId, JobPhase phase, long generation, string reason);

    [LoggerMessage(LogLevel.Error, StateNotWritten.Code + " The state of job {JobId} cannot be written; what is to be decided is tried again until it can. Make room in the state folder")]
    private partial void NotWritten(string jobId, Exception error);

    [LoggerMessage(LogLevel.Information, StateNotWritten.Code + " The state of job {JobId} is written again")]
    private partial void WrittenAgain(string jobId);
}
