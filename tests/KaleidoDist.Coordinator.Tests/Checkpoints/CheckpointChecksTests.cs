namespace KaleidoDist.Coordinator.Tests;

/// <summary>Whose turn it is to be read back, and what is known of it.</summary>
public sealed class CheckpointChecksTests
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly CheckpointFlaw Flaw = new("KD-S110", "Checkpoint 1 does not verify any more");

    [Fact]
    public void ThoseThatNobodyReadComeFirstThenTheOldestCheckOnceADay()
    {
        CheckpointEntry[] kept = [JobSamples.Entry(3, 30, 1), JobSamples.Entry(1, 10, 1), JobSamples.Entry(2, 20, 1)];
        List<CheckpointCheck> checks = [];
        var now = JobSamples.Noon;
        foreach (var expected in new long[] { 1, 2, 3 })
        {
            Assert.Equal(expected, Due(now)!.Seq);
            checks.Add(new CheckpointCheck(expected, now, null));
            now += TimeSpan.FromMinutes(10);
        }

        Assert.Null(Due(now));
        Assert.Null(Due(JobSamples.Noon + Day - TimeSpan.FromSeconds(1)));
        Assert.Equal(1, Due(JobSamples.Noon + Day)!.Seq);
        Assert.Equal(1, Due(JobSamples.Noon + 3 * Day)!.Seq);

        CheckpointEntry? Due(DateTimeOffset at) => CheckpointChecks.Due(kept, [.. checks], Day, at);
    }

    [Fact]
    public void WhatWasFoundIsStoredAndDamageIsSaidOnce()
    {
        var job = new JobScript().Training("a").Proposed(10).Committed(1, 10);
        job.Do(new JobCommand.CheckpointChecked(1, null));
        Assert.Equal((true, new CheckpointCheck(1, job.Now, null)), (job.Last.Durable, Assert.Single(job.State.Checks)));
        job.After(60).Do(new JobCommand.CheckpointChecked(1, Flaw)).After(60).Do(new JobCommand.CheckpointChecked(1, Flaw));
        Assert.Equal(new CheckpointCheck(1, job.Now, Flaw), Assert.Single(job.State.Checks));
        Assert.Single(job.State.Notes, n => n.Code == "KD-S110");
    }

    [Fact]
    public void WhatRetentionRemovedIsForgotten()
    {
        var job = new JobScript().Training("a").Proposed(10).Committed(1, 10).Proposed(20).Committed(2, 20);
        job.Do(new JobCommand.CheckpointChecked(1, Flaw)).Do(new JobCommand.CheckpointChecked(2, null)).Do(new JobCommand.CheckpointsRemoved([1]));
        Assert.Equal(2, Assert.Single(job.State.Checks).Seq);
        job.Do(new JobCommand.CheckpointChecked(1, Flaw));
        Assert.Equal(2, Assert.Single(job.State.Checks).Seq);
    }

    [Fact]
    public void TheCheckpointThatAJobGoesOnFromWasReadBackToFindIt()
    {
        var job = new JobScript().Found(JobSamples.Entry(1, 10, 1), JobSamples.Entry(2, 20, 1));
        Assert.Equal(new CheckpointCheck(2, job.Now, null), Assert.Single(job.State.Checks));
    }
}
