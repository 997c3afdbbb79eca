namespace KaleidoDist.Coordinator.Tests;

/// <summary>A generation breaks and no death is known.</summary>
public sealed class SuspicionTests
{
    [Fact]
    public void WhenAllSayThatTheirGenerationBrokeAllStay()
    {
        var job = new JobScript().Training("a", "b", "c").Interrupted(0, lost: 2, step: 7, cause: "connection reset").Interrupted(1);
        Assert.Equal(("", JobPhase.Running), (job.Forms, job.State.Phase));
        Assert.Equal("g2 a b c: 1 2 3", job.Interrupted(2).Forms);
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-N110", Text: "the connection between rank 0 on a and rank 2 on c broke: connection reset" });
        Assert.Equal((0, JobSamples.Noon), (job.State.RankFailures, job.State.LastChange!.NoticedAt));
    }

    [Fact]
    public void TheOneThatSaysNothingAndGivesNoSignOfLifeIsHungAndIsNamedWithItsPlace()
    {
        var job = new JobScript().Training("a", "b", "c").Silent(2, seconds: 2.5).Interrupted(0, lost: 2).Interrupted(1, lost: 2);
        Assert.Empty(job.After(0.29).Orders);
        job.After(TimeSpan.FromSeconds(0.01), new SeenRank(3, new RankPlace("reduce", 512)));
        Assert.Equal(("g2 a b: 1 2", "c: 3"), (job.Forms, job.Killed));
        Assert.Equal("rank 2 on c gives no sign of life in the reduce phase of step 512, and its peers lost it", job.State.Reason);
        Assert.Contains(job.State.Notes, n => n.Code == "KD-W110");
    }

    [Fact]
    public void TheOneThatSaysNothingBecauseItComputesStays()
    {
        var job = new JobScript().Training("a", "b", "c").Interrupted(0, lost: 1).Interrupted(1, lost: 0);
        Assert.Empty(job.After(1.49).Orders);
        Assert.Equal(("g2 a b c: 1 2 3", ""), (job.After(0.01).Forms, job.Killed));
    }

    [Fact]
    public void TheOneThatSaysNothingInTwoGenerationsWithoutAStepIsRemoved()
    {
        var job = new JobScript().Training("a", "b", "c").Interrupted(0, lost: 1, step: 7).Interrupted(1, lost: 0, step: 7).After(1.5);
        Assert.Equal("g2 a b c: 1 2 3", job.Forms);
        job.Interrupted(0, lost: 2, step: 7).Interrupted(1, lost: 2, step: 7).After(1.5);
        Assert.Equal(("g3 a b: 1 2", "c: 3"), (job.Forms, job.Killed));
        Assert.Equal("rank 2 on c did not answer in two generations without a step between them", job.State.Reason);
    }

    [Fact]
    public void AKnownDeathIsNotWaitedFor()
    {
        var job = new JobScript().Training("a", "b", "c").Interrupted(0, lost: 2).Exited(2);
        Assert.Equal("g2 a b: 1 2", job.Forms);
        Assert.Null(job.State.Interruption);
    }

    [Fact]
    public void OneThatSpeaksAloneNeverFormsAWorldOfItsOwn()
    {
        var job = new JobScript().Training("a", "b", "c", "d").Interrupted(0);
        Assert.Empty(job.After(1.49).Orders);
        Assert.Equal(("g2 a b c d: 1 2 3 4", ""), (job.After(0.01).Forms, job.Killed));
    }

    [Fact]
    public void ASuspectWorkerThatAPeerLostARankOfIsGoneAtOnce()
    {
        var job = new JobScript().Training("a", "b", "b").Do(new JobCommand.WorkerSuspected("b", "its stream broke"));
        Assert.Empty(job.Orders);
        job.Interrupted(0, lost: 1);
        Assert.Equal("g2 a: 1", job.Forms);
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-W102", Text: "worker b is not heard of, and rank 0 on a lost rank 1 on b; it ran ranks 1, 2" });
    }

    [Fact]
    public void AWorkerThatAPeerLostARankOfIsGoneAtOnceWhenItIsSuspected()
        => Assert.Equal("g2 a: 1", new JobScript().Training("a", "b").Interrupted(0, lost: 1).Do(new JobCommand.WorkerSuspected("b", "its stream broke")).Forms);

    [Fact]
    public void AWorkerThatIsWellAgainIsNotSuspect()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.WorkerSuspected("b", "its stream broke")).Registered("b", JobScript.Running(2, 1));
        Assert.Empty(job.Interrupted(0, lost: 1).Orders);
    }

    [Fact]
    public void OneWhoseWorkerIsAwayIsNotTakenForHungBeforeThatIsDecided()
    {
        var job = new JobScript().Training("a", "b", "c").Do(new JobCommand.WorkerSuspected("c", "its stream broke")).Interrupted(0).Interrupted(1);
        Assert.Empty(job.After(2).Orders);
        Assert.Equal("g2 a b c: 1 2 3", job.Registered("c", JobScript.Running(3, 1, waits: true)).Forms);
    }

    [Fact]
    public void ThePairThatBreaksTwiceWithoutAStepLosesTheMostAccused()
    {
        var job = new JobScript().Training("a", "b", "c").Progressed(7);
        job.Interrupted(0, lost: 1, step: 7).Interrupted(1, step: 7).Interrupted(2, lost: 1, step: 7);
        Assert.Equal("g2 a b c: 1 2 3", job.Forms);
        job.Interrupted(0, step: 7).Interrupted(1, lost: 0, step: 7).Interrupted(2, step: 7);
        Assert.Equal(("g3 a c: 1 3", "b: 2"), (job.Forms, job.Killed));
        Assert.Contains(job.State.Notes, n => n.Code == "KD-N102" && n.Text.StartsWith("rank 1 on b cannot keep its connections", StringComparison.Ordinal));
    }

    [Fact]
    public void OfTwoThatAccuseEachOtherTheHigherRankIsRemoved()
    {
        var job = new JobScript().Training("a", "b");
        for (var i = 0; i < 2; i++)
            job.Interrupted(0, lost: 1).Interrupted(1, lost: 0);
        Assert.Equal(("g3 a: 1", "b: 2"), (job.Forms, job.Killed));
    }

    [Fact]
    public void OneThatAllOthersCannotReachIsRemovedAtOnce()
    {
        var job = new JobScript().Training("a", "b", "c", "d");
        job.CutOff(3, 1).Interrupted(0, lost: 3).Interrupted(2, lost: 3);
        Assert.Equal(("", ""), (job.Forms, job.Killed)); // Rank 1 may have more to say.
        job.CutOff(1, 0, 2, 3);
        Assert.Equal(("g2 a c d: 1 3 4", "b: 2"), (job.Forms, job.Killed));
        Assert.Equal("KD-N102", job.State.Notes[^2].Code);
        Assert.StartsWith("rank 1 on b and rank 0 on a, rank 2 on c, rank 3 on d cannot reach each other", job.State.Notes[^2].Text, StringComparison.Ordinal);
        Assert.Equal(0, job.State.RankFailures);
    }

    [Fact]
    public void OfTwoThatCannotReachEachOtherTheOneStaysWhoseResetReachedTheOthers()
    {
        var job = new JobScript().Training("a", "b", "c", "d");
        job.CutOff(3, 1).Interrupted(0, lost: 3).Interrupted(2, lost: 3).CutOff(1, 3);
        Assert.Equal(("g2 a c d: 1 3 4", "b: 2"), (job.Forms, job.Killed));
    }

    [Fact]
    public void OfTwoHostsThatCannotReachEachOtherOneGoesWhole()
    {
        var job = new JobScript().Training("a", "a2", "b", "b2");
        job.CutOff(0, 2).CutOff(1, 3).Interrupted(2, lost: 0).Interrupted(3, lost: 1);
        Assert.Equal(("g2 a a2: 1 2", "b: 3, b2: 4"), (job.Forms, job.Killed));
        Assert.StartsWith("rank 2 on b, rank 3 on b2 and rank 0 on a, rank 1 on a2 cannot reach each other", job.State.Notes[^2].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void OneThatIsCutOffAndSaysNothingIsRemovedWithoutItsWord()
    {
        var job = new JobScript().Training("a", "b", "c").CutOff(0, 2).Interrupted(1, lost: 0);
        Assert.Equal("", job.Forms);
        Assert.Equal(("g2 a b: 1 2", "c: 3"), (job.After(0.3).Forms, job.Killed));
    }

    [Fact]
    public void AStepBetweenTwoBreaksForgivesThePair()
    {
        var job = new JobScript().Training("a", "b").Interrupted(0, lost: 1, step: 7).Interrupted(1, step: 7).Formed(7).Progressed(8);
        Assert.Equal("g3 a b: 1 2", job.Interrupted(0, lost: 1, step: 8).Interrupted(1, step: 8).Forms);
    }

    [Fact]
    public void AJobWhoseGenerationsBreakWithoutEndAndWithoutAStepFails()
    {
        var job = new JobScript(new JobRules { RankFailureBudget = 3 }).Training("a", "b");
        for (var i = 0; i < 4; i++)
            Assert.NotEqual("", job.Interrupted(0).Interrupted(1).Forms);
        Assert.Equal(JobPhase.Failed, job.Interrupted(0).Interrupted(1).State.Phase);
    }

    [Fact]
    public void ThatAnOlderGenerationBrokeOnlyMattersToOneThatMissedTheOrderToFormThePresentOne()
    {
        var job = new JobScript().Training("a", "b", "c").Exited(2);
        job.Do(new JobCommand.RankInterrupted(1, 2, "b", 5, 2, "connection reset"));
        Assert.Equal(("g2 b: 1 2", 1), (job.Forms, job.State.IgnoredMessages));
        job.Formed(5, 1).Do(new JobCommand.RankInterrupted(1, 2, "b", 5, 2, "connection reset"));
        Assert.Equal(("", 2, null), (job.Forms, job.State.IgnoredMessages, job.State.Interruption));
    }

    [Fact]
    public void AStoppedProcessIsRemovedAfterASecond()
    {
        var job = new JobScript().Training("a", "b", "c").Silent(2, 0.9, stopped: true);
        Assert.Empty(job.Orders);
        Assert.Equal("rank 2 on c gives no sign of life in the reduce phase of step 512 (its process is stopped)", job.State.Notes[^1].Text);
        job.Silent(2, 1, stopped: true);
        Assert.Equal(("g2 a b: 1 2", "c: 3"), (job.Forms, job.Killed));
    }

    [Fact]
    public void ASilentProcessIsNamedAtOnceAndRemovedAfterTheLimit()
    {
        var job = new JobScript(new JobRules { SilenceLimit = TimeSpan.FromSeconds(10) }).Training("a", "b", "c");
        for (var second = 1; second < 10; second++)
        {
            job.After(1).Silent(1, second);
            Assert.Empty(job.Orders);
        }

        Assert.Single(job.State.Notes, n => n is { Code: "KD-W110", Text: "rank 1 on b gives no sign of life in the reduce phase of step 512" });
        Assert.Equal(("g2 a c: 1 3", "b: 2"), (job.Silent(1, 10).Forms, job.Killed));
    }

    [Fact]
    public void SilenceThatBeginsAnewIsNamedAnew()
    {
        var job = new JobScript().Training("a", "b").Silent(1, 1).After(1).Silent(1, 2).After(5).Silent(1, 1);
        Assert.Equal(2, job.State.Notes.Count(n => n.Code == "KD-W110"));
    }

    [Fact]
    public void ARankThatKeepsItsPeersWaitingIsNamedAndThenRemoved()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.RankStuck(2, "b", new RankPlace("data", 9), TimeSpan.FromSeconds(2.6), IsOver: false));
        Assert.Equal("rank 1 on b has been in the data phase of step 9 for 2.6 s while its peers wait for it", job.State.Notes[^1].Text);
        Assert.Empty(job.Orders);
        job.Do(new JobCommand.RankStuck(2, "b", new RankPlace("data", 9), TimeSpan.FromSeconds(60.1), IsOver: true));
        Assert.Equal(("g2 a: 1", "b: 2"), (job.Forms, job.Killed));
        Assert.Contains(job.State.Notes, n => n.Code == "KD-W112" && n.Text.EndsWith("for 60.1 s while its peers wait for it; it is removed", StringComparison.Ordinal));
    }

    [Fact]
    public void RanksThatWaitWhenTheCoordinatorStartsAgainAreRegroupedOnceAllSpoke()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.CoordinatorRestarted()).Registered("a", JobScript.Running(1, 1, waits: true, step: 5));
        Assert.Empty(job.After(5).Orders);
        Assert.Equal("g2 a b: 1 2", job.Registered("b", JobScript.Running(2, 1, waits: true, step: 5)).Forms);
        Assert.DoesNotContain(job.State.Notes, n => n.Code == "KD-C102");
    }
}
