using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>Saves that came to nothing: each is an event with its reason, once, and stored.</summary>
public sealed class SavingTests
{
    [Fact]
    public void SavesThatAreLeftOutAreCountedAndToldOfOnceForTheOneInTheWay()
    {
        var job = new JobScript().Training("a");
        LeftOut(10);
        Assert.True(job.Last.Durable);
        LeftOut(10);
        LeftOut(40);
        Assert.Equal(3, job.State.SkippedSaves);
        Assert.Equal(["10", "40"], job.State.Notes.Where(n => n.Code == CheckpointCodes.LeftOut).Select(n => n.Text));
        Assert.Equal(3, StateJson.Read<JobState>(StateJson.Write(job.State)).SkippedSaves);

        void LeftOut(int inTheWay) => job.Do(new JobCommand.RankWarned(1, "a", CheckpointCodes.LeftOut, $"{inTheWay}"));
    }

    [Fact]
    public void ASaveThatOneRankCannotWriteIsOneStoredEvent()
    {
        var job = new JobScript().Training("a", "b");
        job.Proposed(job.State.Seats[0], JobSamples.Draft(10, shard: 1, of: 2) with { Error = "KD-S102 Cannot write" });
        Assert.True(job.Last.Durable);
        job.Proposed(job.State.Seats[1], JobSamples.Draft(10, shard: 2, of: 2) with { Error = "KD-S102 Cannot write" });
        Assert.Equal("Cannot write", Assert.Single(job.State.Notes, n => n.Code == "KD-S102").Text);
    }

    [Fact]
    public void ASaveWhoseGenerationBrokeIsAnEvent()
    {
        var job = new JobScript().Training("a", "b");
        job.Proposed(job.State.Seats[0], JobSamples.Draft(10, shard: 1, of: 2)).Exited(1).Formed(12).Proposed(20).Exited(0);
        Assert.Equal(
            ["step 10 was not saved: generation 1 ended when 1 of 2 shards was written"],
            job.State.Notes.Where(n => n.Code == "KD-S104").Select(n => n.Text));
    }

    [Fact]
    public void ASaveThatWasCommittedIsNoneThatCameToNothing()
    {
        var job = new JobScript().Training("a", "b").Proposed(10).Committed(1, 10).Exited(1).Formed(12);
        Assert.DoesNotContain(job.State.Notes, n => n.Code == "KD-S104");
        Assert.Null(job.State.Save);
    }

    [Fact]
    public void ACommittedSaveThatTheJobWentBackFromIsNoneThatCameToNothing()
    {
        var job = new JobScript().Training("a").Proposed(10).Committed(1, 10).Proposed(20).Committed(2, 20);
        job.Do(new JobCommand.CoordinatorRestarted()).Do(JobSamples.Submit(key: "k2") with { ResumeSeq = 1 });
        job.Do(new JobCommand.CheckpointFound([JobSamples.Entry(1, 10, 1)], new HistoryHead(2, "hash", 2, []), [], 1, AskedSeq: 1));
        Assert.Equal(10, job.State.Step);
        Assert.DoesNotContain(job.State.Notes, n => n.Code == "KD-S104");
    }
}
