namespace KaleidoDist.Coordinator.Tests;

/// <summary>Rank processes that come while others train.</summary>
public sealed class JoiningTests
{
    [Fact]
    public void AJobBelowItsMaximumKeepsAnAskForTheRest()
    {
        var job = new JobScript().Training("a", "b");
        Assert.Equal(new JobEffect.AcquireSlots(3, 1, 2, Growth: true, []), job.Only<JobEffect.AcquireSlots>());
        Assert.Empty(job.Progressed(1).Effects);
        Assert.Equal(new JobEffect.AcquireSlots(3, 1, 2, Growth: true, []), Assert.Single(job.After(5).Effects));
        Assert.Equal(3, job.Exited(1).Only<JobEffect.AcquireSlots>().Max);
    }

    [Fact]
    public void AJobDoesNotGrowPastItsVirtualRanks()
    {
        var job = new JobScript(spec: JobSamples.Spec(max: 100)).Training([.. Enumerable.Repeat("a", 7)]);
        Assert.Equal(1, job.Only<JobEffect.AcquireSlots>().Max);
        job.Granted("b", "c");
        Assert.Equal([9L], job.Only<JobEffect.ReturnSlots>().Seats.Select(s => s.Member));
        Assert.Single(job.State.Joiners);
    }

    [Fact]
    public void AJoinerGetsTheStateFromAMemberOnItsHost()
    {
        var job = new JobScript().Training("a", "b", "c").Granted("b2");
        Assert.Equal((true, 0), job.Only<JobEffect.StartRanks>() is var start ? (start.Joining, start.ResumeSeq) : default);
        job.Ready(job.State.Joiners[0]);
        Assert.Equal(new JobEffect.DonateState("b", 1, Donor: 2, Joiner: 4, "h:4"), job.Only<JobEffect.DonateState>());
    }

    [Fact]
    public void WithoutAMemberOnItsHostTheHighestRankGivesAndToOneAtATime()
    {
        var job = new JobScript(spec: JobSamples.Spec(max: 6)).Training("a", "b").Granted("x", "y", "z");
        job.Ready(job.State.Joiners[0]).Ready(job.State.Joiners[1]);
        Assert.Equal((1, 4), job.Only<JobEffect.DonateState>() is var second ? (second.Donor, second.Joiner) : default);
        Assert.Equal([2L, 1L, 0L], job.State.Joiners.Select(j => j.Donor));
        job.Ready(job.State.Joiners[2]);
        Assert.Empty(job.All<JobEffect.DonateState>());
        Assert.Equal((1, 5), job.Exited(job.State.Joiners[1]).Only<JobEffect.DonateState>() is var third ? (third.Donor, third.Joiner) : default);
    }

    [Fact]
    public void AJoinerThatNoDonorComesToIsGivenAnotherAndNoMoreTimeForIt()
    {
        var job = new JobScript().Training("a", "b").Granted("c");
        job.Ready(job.State.Joiners[0]);
        Assert.Equal(2, job.Only<JobEffect.DonateState>().Donor);
        job.After(30).AwaitsDonor(0);
        Assert.Equal(new JobEffect.DonateState("a", 1, Donor: 1, Joiner: 3, "h:3"), job.Only<JobEffect.DonateState>());
        Assert.Equal(2, job.After(30).AwaitsDonor(0).Only<JobEffect.DonateState>().Donor);
        Assert.Equal(("c: 3", 0), (job.After(540).Killed, job.State.Joiners.Length));
    }

    [Fact]
    public void AJoinerThatCaughtUpIsGivenNothingMore()
    {
        var job = new JobScript().Training("a", "b").Granted("c");
        job.Ready(job.State.Joiners[0]).Interrupted(0).CaughtUp(0).AwaitsDonor(0);
        Assert.Empty(job.All<JobEffect.DonateState>());
        Assert.Equal(RankLife.CaughtUp, job.State.Joiners[0].Life);
    }

    [Fact]
    public void AJoinerThatCaughtUpEntersAtABorder()
    {
        var job = new JobScript().Training("a", "b").Progressed(9).Joined("c", 9);
        Assert.Equal("g2 a b c: 1 2 3 border", job.Forms);
        Assert.Equal((JobPhase.Running, null, 1), (job.State.Phase, job.State.Formation!.By, job.State.Regroups));
        Assert.Empty(job.After(100_000).Orders); // a border takes as long as a step does
        Assert.Equal((JobPhase.Running, 3), (job.Formed(10).State.Phase, job.State.Seats.Length));
        Assert.Equal("training on 3 ranks", job.State.Reason);
    }

    [Fact]
    public void StepsOfTheGenerationThatComesToItsBorderStillCount()
    {
        var job = new JobScript().Training("a", "b").Joined("c");
        job.Do(new JobCommand.RankProgressed(1, 1, "a", 11));
        Assert.Equal((11, 2), (job.State.Step, job.State.Generation));
        Assert.NotNull(job.State.Formation);
    }

    [Fact]
    public void UntilTheBorderTheGenerationThatTrainsSaves()
    {
        var job = new JobScript().Training("a", "b").Joined("c");
        job.Do(new JobCommand.CheckpointProposed(1, 1, "a", JobSamples.Draft(20, shard: 1, of: 2))).Do(new JobCommand.CheckpointProposed(1, 2, "b", JobSamples.Draft(20, shard: 2, of: 2)));
        Assert.Equal((1, 2), job.Only<JobEffect.CommitCheckpoint>() is var commit ? (commit.Generation, commit.WorldSize) : default);
        job.Formed(20, 0).Do(new JobCommand.CheckpointProposed(1, 1, "a", JobSamples.Draft(21)));
        Assert.Equal((0, "generation 1 is over; generation 2 is current"), job.Only<JobEffect.SendVerdict>() is var verdict ? (verdict.Seq, verdict.Error) : default);
    }

    [Fact]
    public void AJoinerThatWaitsForABorderAfterTheLastStepIsEnded()
    {
        var job = new JobScript().Training("a", "b").Joined("c").Committed(1, 40);
        job.Finished(0, RankEnding.Completed, 40).Finished(1, RankEnding.Completed, 40);
        Assert.Equal("c: 3", job.Exited(0, RankEnding.Completed).Killed);
        Assert.Equal(JobPhase.Succeeded, job.Exited(1).State.Phase);
    }

    [Fact]
    public void ADeathBeforeTheBorderTakesTheJoinerAlong()
    {
        var job = new JobScript().Training("a", "b").Joined("c").Exited(0);
        Assert.Equal("g3 b c: 2 3", job.Forms);
        Assert.False(job.State.Formation!.AtBorder);
    }

    [Fact]
    public void ADeathTakesAlongJoinersThatHaveTheStateAndLeavesTheOthersToCopy()
    {
        var job = new JobScript(spec: JobSamples.Spec(max: 6)).Training("a", "b", "c").Granted("x", "y");
        job.Ready(job.State.Joiners[0]).Ready(job.State.Joiners[1]);
        job.Interrupted(2).CaughtUp(0); // no border while the generation may be broken
        Assert.Equal("", job.Forms);
        Assert.Equal("g2 a b x: 1 2 4", job.Exited(2).Forms);
        Assert.Equal((5, RankLife.Copying), (job.State.Joiners[0].Member, job.State.Joiners[0].Life));
    }

    [Fact]
    public void ABorderThatCannotComeIsGivenUpByAll()
    {
        var job = new JobScript().Training("a", "b").Joined("c").Do(new JobCommand.RankInterrupted(1, 2, "b", 5, 0, "connection reset"));
        Assert.Equal("g2 a b c: 1 2 3", job.Forms);
        Assert.Equal((JobPhase.Recovering, 1), (job.State.Phase, job.State.IgnoredMessages));
    }

    [Fact]
    public void AJoinerThatDiesCostsTheOthersNothingAndTheNextIsAskedForAfterAPauseThatDoubles()
    {
        var job = new JobScript().Training("a", "b");
        var pauses = new List<double>();
        for (var i = 0; i < 6; i++)
        {
            job.Granted("c").Exited(job.State.Joiners[0]);
            Assert.Equal((JobPhase.Running, 1, 0), (job.State.Phase, job.State.Generation, job.State.RankFailures));
            job.Only<JobEffect.WithdrawAsk>();
            var at = job.Now;
            while (job.All<JobEffect.AcquireSlots>().Length == 0)
                job.After(1);
            pauses.Add((job.Now - at).TotalSeconds);
        }

        Assert.Equal([5, 10, 20, 40, 60, 60], pauses);
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-W106", Text: "member 3 on c was killed by SIGKILL; it had not joined yet. The next one is started in 5 s" });
    }

    [Fact]
    public void AJoinerThatDoesNotCatchUpInTimeIsDropped()
    {
        var job = new JobScript(new JobRules { CatchUpTimeout = TimeSpan.FromMinutes(10) }).Training("a").Granted("c");
        job.Ready(job.State.Joiners[0]).After(599.9);
        Assert.Single(job.State.Joiners);
        Assert.Equal(("c: 2", 0), (job.After(0.1).Killed, job.State.Joiners.Length));
    }

    [Fact]
    public void AJoinerThatComputesOtherBitsIsRefusedAndItsWorkerIsNotAskedAgain()
    {
        var job = new JobScript().Training("a").Granted("c");
        job.Ready(job.State.Joiners[0], "AVX512");
        Assert.Equal(("c: 2", 0), (job.Killed, job.State.Joiners.Length));
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-V101", Text: "worker c cannot take part: cpu_capability is AVX512; the job's ranks have AVX2" });
        Assert.Equal([new RefusedWorker("c", "one")], job.Only<JobEffect.AcquireSlots>().Avoid.AsEnumerable());
    }

    [Fact]
    public void RanksThatStartTogetherAreComparedToo()
    {
        var job = new JobScript().Found().Granted("a", "b").Ready(0).Ready(1, "AVX512");
        Assert.Equal(("g1 a: 1", "b: 2", 0), (job.Forms, job.Killed, job.State.RankFailures));
    }

    [Fact]
    public void AGrantForAnAskThatDoesNotStandIsIgnored()
    {
        var job = new JobScript().Training("a", "b");
        var stale = new JobCommand.SlotsGranted(job.State.NextMember, JobSamples.Slots(job.State.NextMember, "c"));
        job.Do(new JobCommand.RequestStop(StopWish.Checkpoint));
        Assert.Equal(3, job.Only<JobEffect.WithdrawAsk>().FirstMember);
        Assert.Empty(job.Do(stale).State.Joiners);
        Assert.Equal(4, job.State.NextMember);
    }

    [Fact]
    public void AJoinerIsFoundAgainAfterACoordinatorRestart()
    {
        var job = new JobScript().Training("a").Granted("c").Do(new JobCommand.CoordinatorRestarted());
        Assert.Equal([1L, 2L], job.Only<JobEffect.AdoptSlots>().Seats.Select(s => s.Member));
        job.Registered("a", JobScript.Running(1, 1)).Registered("c", JobScript.Running(2, 0, waits: true));
        Assert.Equal((1, 2), job.Only<JobEffect.DonateState>() is var donate ? (donate.Donor, donate.Joiner) : default);
    }

    [Fact]
    public void AJoinerIsEndedWithItsJob()
    {
        var job = new JobScript().Training("a").Granted("c").Committed(1, 40).Finished(0, RankEnding.Completed, 40).Exited(0);
        Assert.Equal((JobPhase.Succeeded, "c: all"), (job.State.Phase, job.Killed));
    }

    [Fact]
    public void AStopEndsJoiners()
    {
        var job = new JobScript().Training("a").Granted("c").Do(new JobCommand.RequestStop(StopWish.Checkpoint));
        Assert.Equal(("c: 2", "a: all", 0), (job.Killed, job.Saving, job.State.Joiners.Length));
    }
}
