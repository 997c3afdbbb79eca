namespace KaleidoDist.Coordinator.Tests;

/// <summary>Members are lost: who goes on, as what, and when.</summary>
public sealed class RegroupingTests
{
    [Fact]
    public void OnlyGenerationsThatBrokeAreFailures()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "b", "c");
        job.Joined("d").Formed(1);
        job.Do(new JobCommand.WorkerLeaving("a", "maintenance")).Formed(2);
        Assert.Equal((2, 0), (job.State.Regroups, job.State.Failures));

        job.Exited(0);
        Assert.Equal((3, 1), (job.State.Regroups, job.State.Failures));
        job.Formed(2).Progressed(3);
        job.Do(new JobCommand.WorkerLost("c", "left"));
        Assert.Equal(2, job.State.Failures);
    }

    [Fact]
    public void AConnectionThatBrokeIsAFailureThoughNobodyIsLost()
    {
        var job = new JobScript().Training("a", "b");
        job.Interrupted(0, lost: 1).Interrupted(1, lost: 0);
        Assert.Equal((2, 1), (job.State.Generation, job.State.Failures));
    }

    [Fact]
    public void SurvivorsInTheOrderOfTheirOldRanksAreTheNextGeneration()
    {
        var job = new JobScript().Training("a", "b", "a", "c").Progressed(512).Exited(1);
        Assert.True(job.Last.Durable);
        Assert.Equal(("g2 a c: 1 3 4", ""), (job.Forms, job.Killed));
        Assert.Equal((JobPhase.Recovering, "rank 1 on b was killed by SIGKILL", 1, 0), (job.State.Phase, job.State.Reason, job.State.Regroups, job.State.Restarts));
        Assert.Equal(new MembershipChange(2, "rank 1 on b was killed by SIGKILL", JobSamples.Noon), job.State.LastChange);

        job.Formed(512);
        Assert.Equal((JobPhase.Running, "training on 3 ranks", 512), (job.State.Phase, job.State.Reason, job.State.Step));
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-W101", Text: "rank 1 on b was killed by SIGKILL" });
        Assert.Contains(job.State.Notes, n => n.Text == "generation 2: 3 ranks go on from memory");
    }

    [Fact]
    public void AWorkerThatIsLostWithFourRanksIsOneChange()
    {
        var job = new JobScript(spec: JobSamples.Spec(max: 8)).Training("a", "a", "a", "a", "b").Do(new JobCommand.WorkerLost("a", "was silent for 5 s"));
        Assert.Equal(("g2 b: 5", 1), (job.Forms, job.State.Regroups));
        Assert.Equal("worker a was silent for 5 s; it ran ranks 0, 1, 2, 3", job.State.Reason);
    }

    [Fact]
    public void ADeathWhileAGenerationFormsLeadsToTheOneAfterIt()
    {
        var job = new JobScript().Training("a", "b", "c").Exited(2);
        Assert.Equal("g2 a b: 1 2", job.Forms);
        Assert.Equal(JobPhase.Recovering, job.Formed(0, 0).State.Phase);
        Assert.Equal("g3 a: 1", job.Exited(1).Forms);
        Assert.Equal(JobPhase.Running, job.Formed().State.Phase);
    }

    [Fact]
    public void ThatAnOlderGenerationWasFormedCountsForNothing()
    {
        var job = new JobScript().Training("a", "b", "c").Exited(2).Exited(1);
        job.Do(new JobCommand.RankFormed(2, 1, "a", 5));
        Assert.Equal((JobPhase.Recovering, 1), (job.State.Phase, job.State.IgnoredMessages));
    }

    [Fact]
    public void AStepOfAGenerationShowsThatAllItsMembersFormedIt()
    {
        var job = new JobScript().Training("a", "b", "c").Exited(2).Formed(7, 0);
        Assert.Equal((JobPhase.Running, 8), (job.Progressed(8).State.Phase, job.State.Step));
        Assert.True(job.Last.Durable);
    }

    [Fact]
    public void MembersThatDoNotFormInTimeAreRemovedAndTheOthersGoOn()
    {
        var job = new JobScript(new JobRules { FormTimeout = TimeSpan.FromSeconds(60) }).Training("a", "b", "c", "d").Exited(3).Formed(0, 0, 2);
        Assert.Empty(job.After(59).Orders);
        job.After(1);
        Assert.Equal(("g3 a c: 1 3", "b: 2"), (job.Forms, job.Killed));
        Assert.Equal("rank 1 on b did not form generation 2 within 60 s", job.State.Reason);
    }

    [Fact]
    public void TooFewSurvivorsHoldTheirStateAndSayWhatTheyWaitFor()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 3, max: 4, steps: 1000)).Training("a", "b", "c").Progressed(512).Exited(1);
        Assert.Equal((JobPhase.Recovering, JobWait.Slots, "waiting for 1 more slot; 2 ranks hold step 512 in memory"), (job.State.Phase, job.State.Wait, job.State.Reason));
        Assert.Equal(("", ""), (job.Forms, job.Killed));
        Assert.Equal((1, 2, false), job.Only<JobEffect.AcquireSlots>() is var ask ? (ask.Need, ask.Max, ask.Growth) : default);

        job.Granted("d");
        Assert.True(job.Only<JobEffect.StartRanks>().Joining);
        Assert.Equal("waiting for 1 rank process; 2 ranks hold step 512 in memory", job.State.Reason);
        job.Ready(job.State.Joiners[0]);
        Assert.Equal("g2 a c d: 1 3 4", job.Forms);
        Assert.Equal((JobPhase.Running, 0), (job.Formed(512).State.Phase, job.State.Restarts));
    }

    [Fact]
    public void WhenTheLastSurvivorDiesWhileItWaitsTheJobGoesBackToACheckpoint()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "b").Exited(1).Granted("c").Exited(0);
        Assert.Equal(("c: all", JobWait.Exits), (job.Killed, job.State.Wait)); // the joiner has nobody to get a state from
        job.Exited(job.State.Joiners[0]).Only<JobEffect.FindCheckpoint>();
        Assert.Equal(1, job.State.Restarts);
    }

    [Fact]
    public void AStopWhileSurvivorsWaitLetsThemSaveWhatTheyHold()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 3, steps: 1000)).Training("a", "b", "c").Progressed(512).Exited(1).Do(new JobCommand.RequestStop(StopWish.Checkpoint));
        Assert.Equal("g2 a c: 1 3 stop", job.Forms);
        job.Formed(512).Proposed(512).Only<JobEffect.CommitCheckpoint>();
        job.Committed(1, 512).Finished(0, RankEnding.Stopped, 512).Exited(0).Finished(1, RankEnding.Stopped, 512).Exited(1);
        Assert.Equal((JobPhase.Preempted, "stopped; step 512 is saved"), (job.State.Phase, job.State.Reason));
    }

    [Fact]
    public void AStopWhileAGenerationFormsIsPassedOnOnceItIsFormed()
    {
        var job = new JobScript().Training("a", "b").Exited(1).Do(new JobCommand.RequestStop(StopWish.Cancel));
        Assert.Equal(("", ""), (job.Saving, job.Forms));
        Assert.Equal("a: all", job.Formed(3).Saving);
        Assert.Equal("cancelling", job.State.Reason);
    }

    [Fact]
    public void ADeathWhileRanksStopLetsTheOthersSaveAndStop()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.RequestStop(StopWish.Checkpoint)).Exited(0);
        Assert.Equal("g2 b: 2 stop", job.Forms);
        Assert.Equal(JobPhase.Running, job.Formed(9).State.Phase);
        Assert.Equal("", job.Saving);
        Assert.Equal(JobPhase.Preempted, job.Finished(0, RankEnding.Stopped, 9).Exited(0).State.Phase);
    }

    [Fact]
    public void WhenTheRankThatWritesTheLastCheckpointDiesTheOthersFormAndWriteItWhateverTheMinimum()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "b").Progressed(40).Exited(0);
        Assert.Equal("g2 b: 2", job.Forms);
        job.Formed(40).Committed(1, 40).Finished(0, RankEnding.Completed, 40).Exited(0);
        Assert.Equal(JobPhase.Succeeded, job.State.Phase);
    }

    [Fact]
    public void ARankThatDiesBeforeItsFirstGenerationDoesNotKeepTheOthersFromBeginning()
    {
        var job = new JobScript().Found().Granted("a", "b").Ready(0).Exited(1);
        Assert.Equal("g1 a: 1", job.Forms);
    }

    [Fact]
    public void AFailureChargesTheJobAndALostWorkerDoesNot()
    {
        var job = new JobScript(spec: JobSamples.Spec(max: 8)).Training("a", "b", "c", "d").Progressed(5).Exited(3).Do(new JobCommand.WorkerLost("c", "was silent"));
        Assert.Equal((1, 6), (job.State.RankFailures, job.State.FailedStep));
        Assert.Equal(1, job.Formed(5).Progressed(6).State.RankFailures);
        Assert.Equal(0, job.Progressed(7).State.RankFailures);
    }

    [Fact]
    public void AMemberThatWasRemovedIsEndedWhenItSpeaksAgain()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.WorkerLost("b", "was silent"));
        job.Do(new JobCommand.RankInterrupted(1, 2, "b", 5, 0, "connection reset"));
        Assert.Equal(("b: 2", 1, 1), (job.Killed, job.State.Seats.Length, job.State.IgnoredMessages));
        Assert.Equal("b: 2", job.Registered("b", JobScript.Running(2, 1)).Killed);
    }

    [Fact]
    public void AJoinerThatWasTakenAlongWithoutAStateHasNobodyToGetItFromWhenTheOthersDie()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 2)).Training("a", "b").Exited(1).Granted("c");
        Assert.Equal("g2 a c: 1 3", job.Ready(job.State.Joiners[0]).Forms);
        Assert.Equal(("c: all", JobWait.Exits), (job.Exited(0).Killed, job.State.Wait));
    }
}
