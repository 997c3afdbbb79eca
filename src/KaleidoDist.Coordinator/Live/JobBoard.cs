using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator;

/// <summary>The jobs whose grains live in this process, as watchers see them. A status never waits on storage and never shows what is not stored.</summary>
internal sealed class JobBoard(JobRules rules, CoordinatorClock clock)
{
    private readonly ConcurrentDictionary<string, LiveJob> jobs = new(StringComparer.Ordinal);

    /// <summary>Jobs that are not at rest.</summary>
    public IReadOnlyList<string> Unfinished => [.. jobs.Where(j => !j.Value.State.Phase.IsAtRest()).Select(j => j.Key)];

    /// <summary>A job's newest stored state.</summary>
    public void Publish(JobState state)
    {
        if (jobs.TryGetValue(state.JobId, out var job) || !jobs.TryAdd(state.JobId, new LiveJob(state, rules, clock)) && jobs.TryGetValue(state.JobId, out job))
            job.Publish(state);
    }

    /// <summary>Live ranks of all jobs on a worker.</summary>
    public IEnumerable<RunningRank> RunningOn(string workerId) => jobs.Values.SelectMany(j => j.RunningOn(workerId)).ToArray();

    /// <summary>The job, if it was ever published.</summary>
    public bool TryGet(string jobId, [NotNullWhen(true)] out LiveJob? job) => jobs.TryGetValue(jobId, out job);
}
