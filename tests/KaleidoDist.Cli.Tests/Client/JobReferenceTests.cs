using KaleidoDist.Contracts;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli.Tests;

public sealed class JobReferenceTests
{
    private static readonly JobStatus[] All =
    [
        new() { JobId = "a-1", Name = "a", State = JobState.Failed },
        new() { JobId = "a-2", Name = "a", State = JobState.Running },
        new() { JobId = "base-9", Name = "base", State = JobState.Queued },
    ];

    [Fact]
    public void ANameMeansItsOnlyJob() => Assert.Equal("base-9", JobReference.Resolve("base", All).JobId);

    [Fact]
    public void TheBeginningOfAnIdMeansItsOnlyJob() => Assert.Equal("base-9", JobReference.Resolve("bas", All).JobId);

    [Fact]
    public void AWordThatMeansSeveralJobsIsAnErrorOfUsage()
    {
        var error = Assert.Throws<KaleidoException>(() => JobReference.Resolve("a", All));
        Assert.Equal(("'a' means 2 jobs: a-1 (a, failed), a-2 (a, running). Give the id.", ExitCode.Usage), (error.Message, error.ExitCode));
    }

    [Fact]
    public void WithoutJobsTheNextActIsToSubmitOne()
        => Assert.Equal("No job 'x'. The coordinator has no jobs; submit one with 'kaleido submit JOB.yaml'.", Assert.Throws<KaleidoException>(() => JobReference.Resolve("x", [])).Message);

    [Fact]
    public void ManyCandidatesAreCutToFive()
    {
        var many = Enumerable.Range(0, 9).Select(i => new JobStatus { JobId = $"job-{i}", Name = "n", State = JobState.Queued }).ToArray();
        Assert.Equal(
            "No job 'jib-1'. Nearest: job-1 (n, queued), job-0 (n, queued), job-2 (n, queued), job-3 (n, queued), job-4 (n, queued) and others. See all with 'kaleido jobs'.",
            Assert.Throws<KaleidoException>(() => JobReference.Resolve("jib-1", many)).Message);
    }
}
