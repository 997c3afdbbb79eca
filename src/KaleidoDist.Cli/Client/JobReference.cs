using Grpc.Core;
using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>Which job a person means by the word they typed: its id, its name, or the beginning of its id.</summary>
internal static class JobReference
{
    private const int ShownCandidates = 5;

    /// <summary>Finds a job; asks for the list of jobs only when the word is not an id.</summary>
    /// <exception cref="KaleidoException">No job, or several, are meant; candidates are named.</exception>
    internal static async Task<JobStatus> Find(CoordinatorConnection coordinator, string word, CancellationToken cancellation)
    {
        var deadline = CoordinatorConnection.Deadline(CoordinatorConnection.AnswerTime);
        var known = await coordinator.Ask(
            async c =>
            {
                try
                {
                    return await c.Jobs.GetJobAsync(new GetJobRequest { JobId = word }, deadline: deadline, cancellationToken: cancellation);
                }
                catch (RpcException error) when (error.StatusCode == StatusCode.NotFound)
                {
                    return null;
                }
            },
            cancellation);
        if (known is not null)
            return known;
        var all = await coordinator.Ask(
            async c => await c.Jobs.ListJobsAsync(new ListJobsRequest(), deadline: deadline, cancellationToken: cancellation),
            cancellation);
        return Resolve(word, [.. all.Jobs]);
    }

    /// <summary>The job meant by a word that is not an id, among all jobs.</summary>
    /// <exception cref="KaleidoException">No job, or several, are meant; candidates are named.</exception>
    internal static JobStatus Resolve(string word, IReadOnlyList<JobStatus> jobs)
    {
        List<JobStatus> meant = [.. jobs.Where(j => j.Name == word)];
        if (meant.Count == 0)
            meant = [.. jobs.Where(j => j.JobId.StartsWith(word, StringComparison.Ordinal))];
        if (meant is [var one])
            return one;
        if (meant.Count > 1)
            throw KaleidoException.Usage($"'{SpecText.OneLine(word)}' means {meant.Count} jobs: {Show(meant)}. Give the id.");
        var next = jobs.Count == 0
            ? "The coordinator has no jobs; submit one with 'kaleido submit JOB.yaml'."
            : $"Nearest: {Show(jobs.OrderBy(j => Math.Min(SpecText.EditDistance(word, j.JobId), SpecText.EditDistance(word, j.Name))).ThenByDescending(j => j.SubmittedAt?.Seconds ?? 0))}. See all with 'kaleido jobs'.";
        throw new KaleidoException($"No job '{SpecText.OneLine(word)}'. {next}");
    }

    private static string Show(IEnumerable<JobStatus> jobs)
    {
        List<JobStatus> shown = [.. jobs.Take(ShownCandidates + 1)];
        var text = string.Join(", ", shown.Take(ShownCandidates).Select(j => $"{j.JobId} ({j.Name}, {JobStates.Word(j.State)})"));
        return shown.Count > ShownCandidates ? $"{text} and others" : text;
    }
}
