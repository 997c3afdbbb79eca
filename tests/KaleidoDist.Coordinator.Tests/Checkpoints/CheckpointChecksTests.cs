namespace KaleidoDist.Coordinator.Tests;

/// <summary>Whose turn it is to be read back.</summary>
public sealed class CheckpointChecksTests
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly CheckpointEntry[] Kept = [JobSamples.Entry(3, 30, 1), JobSamples.Entry(1, 10, 1), JobSamples.Entry(2, 20, 1)];
    private readonly CheckpointChecks checks = new();

    [Fact]
    public void ThoseThatNobodyReadComeFirstThenTheOldestCheckOnceADay()
    {
        var now = JobSamples.Noon;
        foreach (var expected in new long[] { 1, 2, 3 })
        {
            Assert.Equal(expected, checks.Due(Kept, Day, now)!.Seq);
            checks.Note(expected, new CheckpointCheck(now, null));
            now += TimeSpan.FromMinutes(10);
        }

        Assert.Null(checks.Due(Kept, Day, now));
        Assert.Null(checks.Due(Kept, Day, JobSamples.Noon + Day - TimeSpan.FromSeconds(1)));
        Assert.Equal(1, checks.Due(Kept, Day, JobSamples.Noon + Day)!.Seq);
        Assert.Equal(1, checks.Due(Kept, Day, JobSamples.Noon + 3 * Day)!.Seq);
    }

    [Fact]
    public void WhatRetentionRemovedIsForgotten()
    {
        checks.Note(1, new CheckpointCheck(JobSamples.Noon, new CheckpointFlaw("KD-S110", "x")));
        checks.Note(2, new CheckpointCheck(JobSamples.Noon, null));
        checks.Keep(new HashSet<long> { 2 });
        Assert.Equal((null, JobSamples.Noon), (checks.Of(1), checks.Of(2)!.At));
    }
}
