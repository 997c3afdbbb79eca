using System.Collections.Immutable;

namespace KaleidoDist.Coordinator;

/// <summary>Which jobs there are, and which job a submit means.</summary>
[Alias("kaleido.IJobIndexGrain")]
internal interface IJobIndexGrain : IGrainWithIntegerKey
{
    /// <summary>Key of the one index.</summary>
    const long TheOne = 0;

    /// <summary>Hands a submit to the job it means: by its key, else by its run folder, else a new one.</summary>
    [Alias("Submit")]
    Task<SubmitAnswer> Submit(JobSubmission submission);

    /// <summary>Ids of all jobs, oldest first.</summary>
    [Alias("Ids")]
    Task<ImmutableArray<string>> Ids();
}

/// <summary>What the index stores.</summary>
internal sealed class JobIndexRecord
{
    /// <summary>All jobs, oldest first.</summary>
    public ImmutableArray<JobIndexEntry> Jobs { get; set; } = [];

    /// <summary>The newest idempotency keys, oldest first.</summary>
    public ImmutableArray<JobIndexKey> Keys { get; set; } = [];
}

/// <summary>A job and its run folder.</summary>
internal sealed record JobIndexEntry(string JobId, string RunDirectory);

/// <summary>A submit and the job it meant.</summary>
internal sealed record JobIndexKey(string Key, string JobId);

/// <summary>
/// The index is written before the job: a submit that is repeated after a crash in between finds the same job id, and creates the job then.
/// </summary>
internal sealed class JobIndexGrain([PersistentState("index", SqliteGrainStorage.Name)] IPersistentState<JobIndexRecord> record) : Grain, IJobIndexGrain
{
    private const int MaxKeys = 1000;

    /// <inheritdoc/>
    public async Task<SubmitAnswer> Submit(JobSubmission submission)
    {
        var index = record.State;
        var known = submission.Key.Length == 0 ? null : index.Keys.FirstOrDefault(k => k.Key == submission.Key)?.JobId;
        var jobId = known ?? index.Jobs.FirstOrDefault(j => j.RunDirectory == submission.RunDirectory)?.JobId;
        if (known is null)
        {
            var (jobs, keys) = (index.Jobs, index.Keys);
            if (jobId is null)
                jobs = jobs.Add(new JobIndexEntry(jobId = NewId(submission.Name), submission.RunDirectory));
            if (submission.Key.Length > 0)
                keys = [.. keys.Skip(keys.Length - MaxKeys + 1), new JobIndexKey(submission.Key, jobId)];
            await Write(jobs, keys);
        }

        return await GrainFactory.GetGrain<IJobGrain>(jobId!).Submit(submission);
    }

    /// <inheritdoc/>
    public Task<ImmutableArray<string>> Ids() => Task.FromResult(ImmutableArray.CreateRange(record.State.Jobs, j => j.JobId));

    private async Task Write(ImmutableArray<JobIndexEntry> jobs, ImmutableArray<JobIndexKey> keys)
    {
        if (jobs == record.State.Jobs && keys == record.State.Keys)
            return;
        (record.State.Jobs, record.State.Keys) = (jobs, keys);
        try
        {
            await record.WriteStateAsync();
        }
        catch (Exception error)
        {
            await record.ReadStateAsync();
            throw StateNotWritten.Error("the index of jobs", error);
        }
    }

    /// <summary>The job's name, with a number when it was used before.</summary>
    private string NewId(string name)
    {
        var taken = record.State.Jobs.Select(j => j.JobId).ToHashSet(StringComparer.Ordinal);
        var id = name;
        for (var number = 2; taken.Contains(id); number++)
            id = $"{name}-{number}";
        return id;
    }
}
