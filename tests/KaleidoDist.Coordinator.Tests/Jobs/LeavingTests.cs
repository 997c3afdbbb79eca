namespace KaleidoDist.Coordinator.Tests;

/// <summary>Workers that are to run no ranks any more.</summary>
public sealed class LeavingTests
{
    [Fact]
    public void RanksOfALeavingWorkerPartAtABorder()
    {
        var job = new JobScript().Training("a", "b", "b").Do(Leaving("b"));
        Assert.Equal("g2 a b: 1 border", job.Forms); // those that leave are told, too
        Assert.Equal((JobPhase.Running, "2 3"), (job.State.Phase, string.Join(' ', job.State.Leavers.Select(l => l.Member))));
        job.Formed(8);
        Assert.Equal((JobPhase.Running, "training on 1 rank", 0), (job.State.Phase, job.State.Reason, job.State.RankFailures));
        Assert.DoesNotContain(job.State.Notes, n => n.Code == "KD-W101");
    }

    [Fact]
    public void AnExitAfterLeavingIsNoFailure()
    {
        var job = new JobScript().Training("a", "b").Do(Leaving("b"));
        job.Exited(job.State.Leavers[0], RankEnding.Left);
        Assert.Equal((0, 0, true), (job.State.RankFailures, job.State.Leavers.Length, job.State.Formation!.AtBorder));
        Assert.Equal(JobPhase.Running, job.Formed(8).State.Phase);
    }

    [Fact]
    public void ALeaverThatDiesBeforeTheBorderTakesTheBorderWithIt()
    {
        var job = new JobScript().Training("a", "b").Do(Leaving("b"));
        Assert.Equal("g2 a: 1", job.Exited(job.State.Leavers[0]).Forms);
        Assert.Equal((JobPhase.Recovering, 0), (job.State.Phase, job.State.RankFailures));
    }

    [Fact]
    public void ALeaverThatMayHaveMissedTheOrderToLeaveGetsItAgain()
    {
        var job = new JobScript().Training("a", "b").Do(Leaving("b")).Registered("b", JobScript.Running(2, 1));
        Assert.Equal(("g2 b: 1 border", ""), (job.Forms, job.Killed));
        Assert.Equal("g2 b: 1 border", job.Formed(9).Forms);
        Assert.Empty(job.State.Leavers);
    }

    [Fact]
    public void AJobThatWouldBeTooSmallHoldsItsStateAndWaitsForSlots()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "b").Progressed(7).Do(Leaving("b"));
        Assert.Equal(("", "", "b: 2"), (job.Forms, job.Saving, job.Killed));
        Assert.Equal((JobWait.Slots, "waiting for 1 more slot; 1 rank holds step 7 in memory", 0), (job.State.Wait, job.State.Reason, job.State.RankFailures));
        job.Interrupted(0, lost: 1, step: 7).Granted("c");
        Assert.Equal("g2 a c: 1 3", job.Ready(job.State.Joiners[0]).Forms);
    }

    [Fact]
    public void AJobOfWhichNobodyWouldStaySavesAndWaitsForSlots()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "a").Progressed(7).Do(Leaving("a"));
        Assert.Equal(("", "a: all"), (job.Forms, job.Saving));
        job.Committed(1, 8).Finished(0, RankEnding.Stopped, 8).Finished(1, RankEnding.Stopped, 8).Exited(0).Exited(1);
        Assert.Equal((JobPhase.Recovering, StopWish.None, 0), (job.State.Phase, job.State.Stop, job.State.RankFailures));
        job.Found(JobSamples.Entry(1, 8, 1));
        Assert.Equal((JobWait.Slots, 8), (job.State.Wait, job.State.Step));
    }

    [Fact]
    public void AStopWhileRanksSaveForALeavingWorkerIsAStop()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "a").Do(Leaving("a")).Do(new JobCommand.RequestStop(StopWish.Cancel));
        job.Committed(1, 8).Finished(0, RankEnding.Stopped, 8).Finished(1, RankEnding.Stopped, 8).Exited(0).Exited(1);
        Assert.Equal(JobPhase.Cancelled, job.State.Phase);
    }

    [Fact]
    public void ALeaveWhileAGenerationFormsFollowsIt()
    {
        var job = new JobScript().Training("a", "b", "c").Exited(2).Do(Leaving("b"));
        Assert.Equal("", job.Forms);
        Assert.Equal("g3 a b: 1 border", job.Formed(5).Forms);
    }

    [Fact]
    public void ALeavingWorkersRankIsReplacedAtTheSameBorderByOneThatCaughtUp()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2, max: 3)).Training("a", "b").Interrupted(0).Granted("c");
        job.Ready(job.State.Joiners[0]).CaughtUp(0).Do(Leaving("b"));
        Assert.Equal("g2 a b c: 1 2 3", job.Interrupted(1).Forms);
        Assert.Equal("g3 a b c: 1 3 border", job.Formed(5).Forms);
    }

    [Fact]
    public void WhenAllMembersLeaveAJoinerIsTakenInFirst()
    {
        var job = new JobScript().Training("a").Granted("c");
        job.Ready(job.State.Joiners[0]).Interrupted(0).Do(Leaving("a"));
        Assert.Equal("", job.CaughtUp(0).Forms);
        job = new JobScript(spec: JobSamples.Spec(max: 2)).Training("a").Granted("c");
        Assert.Equal("a: all", job.Ready(job.State.Joiners[0]).Do(Leaving("a")).Saving);
        job = new JobScript(spec: JobSamples.Spec(max: 2)).Training("a").Granted("c");
        job.Ready(job.State.Joiners[0]).CaughtUp(0).Do(Leaving("a"));
        Assert.Equal("g3 a c: 2 border", job.Formed(7).Forms);
    }

    [Fact]
    public void SurvivorsThatWaitSaveBeforeTheirWorkerLeaves()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 3)).Training("a", "b", "c").Exited(2).Do(Leaving("b"));
        Assert.Equal(("g2 a b: 1 2 stop", StopWish.Release), (job.Forms, job.State.Stop));
    }

    [Fact]
    public void AWorkerThatLeavesBeforeItsRanksTrainIsDoneWithout()
    {
        var job = new JobScript().Found().Granted("a", "b").Ready(0).Do(Leaving("b"));
        Assert.Equal(("g1 a: 1", "b: 2"), (job.Forms, job.Killed));
    }

    [Fact]
    public void AJoinerOnALeavingWorkerIsEnded()
    {
        var job = new JobScript().Training("a").Granted("c").Do(Leaving("c"));
        Assert.Equal(("c: 2", "", 0), (job.Killed, job.Forms, job.State.Joiners.Length));
    }

    [Fact]
    public void AWorkerThatHasLeftMayServeTheJobAgain()
    {
        var job = new JobScript().Training("a", "b").Do(Leaving("b"));
        job.Exited(job.State.Leavers[0], RankEnding.Left).Formed(8);
        Assert.Empty(job.State.Leaving);
        Assert.Equal("b", Assert.Single(job.Granted("b").State.Joiners).WorkerId);
    }

    private static JobCommand.WorkerLeaving Leaving(string worker) => new(worker, "maintenance");
}
