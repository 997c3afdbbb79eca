using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

public sealed class JobMachineTests
{
    [Fact]
    public void ANewJobLooksForACheckpointBeforeItAsksForSlots()
    {
        var job = new JobScript();
        Assert.Equal((JobPhase.Queued, 0), (job.State.Phase, job.State.Generation));
        Assert.Equal("/runs/one", job.Only<JobEffect.FindCheckpoint>().RunDirectory);

        job.Found();
        Assert.Equal(new JobEffect.AcquireSlots(1, 4, 4, Growth: false, []), job.Only<JobEffect.AcquireSlots>());
    }

    [Fact]
    public void ANewGenerationIsNewerThanEveryTraceInTheRunFolder()
    {
        var job = new JobScript().Found(JobSamples.Entry(3, 12, generation: 7));
        Assert.Equal((8, 12, 3), (job.State.Generation, job.State.Step, job.State.Base!.Seq));
    }

    [Fact]
    public void FewerSlotsThanWantedAreTakenOnlyAfterTheGatherTime()
    {
        var job = new JobScript(new JobRules { GatherTime = TimeSpan.FromSeconds(1) }).Found();
        job.Do(new JobCommand.SlotsShort(1, 2));
        Assert.Equal("gathering up to 4 slots; 2 are free", job.State.Reason);
        Assert.Empty(job.After(TimeSpan.FromSeconds(0.9)).Effects);
        Assert.Equal(new JobEffect.AcquireSlots(1, 1, 4, Growth: false, []), Assert.Single(job.After(TimeSpan.FromSeconds(0.1)).Effects));
    }

    [Fact]
    public void TooFewSlotsAreNamed()
    {
        var job = new JobScript(spec: JobSamples.Spec(min: 3)).Found().Do(new JobCommand.SlotsShort(1, 1));
        Assert.Equal("waiting for at least 3 slots; 1 is free", job.State.Reason);
    }

    [Fact]
    public void ProcessesAreStartedPerWorkerAndFormAGenerationWhenAllAreReady()
    {
        var job = new JobScript().Found().Granted("a", "a", "b");
        Assert.True(job.Last.Durable);
        Assert.Equal(
            [("a", "1 2", 0, false), ("b", "3", 0, false)],
            job.All<JobEffect.StartRanks>().Select(e => (e.WorkerId, string.Join(' ', e.Members), e.ResumeSeq, e.Joining)));

        Assert.Equal("", job.Ready(0).Ready(1).Forms);
        Assert.Equal("g1 a b: 1 2 3", job.Ready(2).Forms);
        Assert.Equal(["h:1", "h:2", "h:3"], job.All<JobEffect.FormGeneration>()[1].Members.Select(m => m.Endpoint));
        Assert.Equal((JobPhase.Starting, "3 ranks form generation 1"), (job.State.Phase, job.State.Reason));

        Assert.Equal(JobPhase.Starting, job.Formed(0, 0, 1).State.Phase);
        Assert.Equal((JobPhase.Running, "training on 3 ranks"), (job.Formed(0, 2).State.Phase, job.State.Reason));
    }

    [Fact]
    public void WhenNoRankIsLeftTheNextGenerationGoesOnFromTheNewestCheckpoint()
    {
        var job = new JobScript().Training("a").Progressed(27).Exited(0);
        Assert.Equal((JobPhase.Recovering, JobWait.Checkpoint, 1), (job.State.Phase, job.State.Wait, job.State.Restarts));
        Assert.Equal("rank 0 on a was killed by SIGKILL", job.State.Reason);

        job.Found(JobSamples.Entry(2, 20, 1)).Granted("a");
        Assert.Equal((2, 20), (job.State.Generation, job.State.Step));
        Assert.Equal((2, false), (job.Only<JobEffect.StartRanks>().ResumeSeq, job.Only<JobEffect.StartRanks>().Joining));
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-R101", Text: "going on from step 20 (checkpoint 2); 7 steps will be repeated" });
    }

    [Fact]
    public void AKilledRankThatIsNeverReportedGoneDelaysTheNextGenerationByTheDrainTimeOnly()
    {
        var job = new JobScript(new JobRules { DrainTimeout = TimeSpan.FromSeconds(10) }).Training("a", "b");
        job.Do(new JobCommand.CheckpointRefused(1, 20, 1, "someone else committed", LostLineage: true)).Exited(1);
        Assert.Empty(job.After(9).Effects);
        job.After(1).Only<JobEffect.FindCheckpoint>();
    }

    [Fact]
    public void ThreeFailuresWithoutANewStepAreForgivenAndTheFourthIsNot()
    {
        var job = new JobScript(new JobRules { RankFailureBudget = 3 });
        for (var failure = 1; failure <= 3; failure++)
        {
            job.Found().Training("a").Progressed(7).Exited(0, error: "failed: no luck");
            Assert.Equal(JobPhase.Recovering, job.State.Phase);
        }

        job.Found().Training("a").Progressed(7).Exited(0, error: "failed: no luck");
        Assert.Equal((JobPhase.Failed, 3), (job.State.Phase, job.State.Restarts));
        Assert.Equal("rank 0 on a failed: no luck (after 3 failures without a new step)", job.State.Reason);
    }

    [Fact]
    public void AStepBeyondTheFailedOneRefillsTheBudget()
    {
        var job = new JobScript(new JobRules { RankFailureBudget = 1 });
        for (var failure = 1; failure <= 5; failure++)
        {
            // Step 10 k is applied; the one after it fails, and is done again with one more.
            job.Found().Training("a").Progressed(10 * failure).Exited(0);
            Assert.Equal((JobPhase.Recovering, 1), (job.State.Phase, job.State.RankFailures));
            Assert.Equal(1, job.Found().Training("a").Progressed((10 * failure) + 1).State.RankFailures);
            Assert.Equal(0, job.Progressed((10 * failure) + 2).State.RankFailures);
            job.Do(new JobCommand.WorkerLost("a", "was silent"));
        }
    }

    [Fact]
    public void AFatalErrorFailsTheJobAtOnceAndStopsTheOthers()
    {
        var job = new JobScript().Training("a", "b").Exited(0, error: "failed: row 7 is bad", fatal: true);
        Assert.Equal((JobPhase.Failed, "rank 0 on a failed: row 7 is bad"), (job.State.Phase, job.State.Reason));
        Assert.Equal("a: all, b: all", job.Killed);
    }

    [Fact]
    public void AFatalErrorIsHeardEvenAfterAPeerWasReportedFirst()
    {
        var job = new JobScript().Training("a", "b").Exited(1, error: "failed: connection reset").Exited(0, error: "failed: row 7 is bad", fatal: true);
        Assert.Equal((JobPhase.Failed, "rank 0 on a failed: row 7 is bad"), (job.State.Phase, job.State.Reason));
    }

    [Fact]
    public void AJobThatEndsEarlySucceedsWithTheReasonOnceItsLastCheckpointIsSaved()
    {
        const string Why = "validation.mlm.loss has not been better than 5 of step 10 for 2 evaluations";
        var job = new JobScript().Training("a", "b").Committed(1, 30).Finished(0, RankEnding.Completed, 30, Why).Finished(1, RankEnding.Completed, 30, Why);
        job.Exited(0).Exited(1);
        Assert.Equal((JobPhase.Succeeded, $"ended early at step 30 of 40: {Why}"), (job.State.Phase, job.State.Reason));
        Assert.Equal(("KD-J110", job.State.Reason), (job.State.Notes[^1].Code, job.State.Notes[^1].Text));

        Assert.Equal(JobPhase.Succeeded, job.Do(JobSamples.Submit(key: "again")).State.Phase);
        var patient = JobSamples.Spec() with { Evaluation = new EvaluationSpec { Every = 5 } };
        Assert.Equal((JobPhase.Queued, null), (job.Do(JobSamples.Submit(patient, key: "more")).State.Phase, job.State.EarlyEnd));
    }

    [Fact]
    public void AnEarlyEndWithoutItsCheckpointIsNoSuccess()
    {
        var job = new JobScript().Training("a").Committed(1, 20).Finished(0, RankEnding.Completed, 30, "enough").Exited(0);
        Assert.Equal(JobPhase.Failed, job.State.Phase);
    }

    [Fact]
    public void AJobSucceedsWhenAllRanksCompletedAndTheLastStepIsSaved()
    {
        var job = new JobScript().Training("a", "b").Committed(1, 40).Finished(0, RankEnding.Completed, 40).Finished(1, RankEnding.Completed, 40);
        Assert.Equal(JobPhase.Running, job.Exited(0).State.Phase);
        Assert.Equal((JobPhase.Succeeded, 40), (job.Exited(1).State.Phase, job.State.Step));
    }

    [Fact]
    public void AJobWhoseLastStepWasNotSavedDoesNotSucceed()
    {
        var job = new JobScript().Training("a").Committed(1, 30).Finished(0, RankEnding.Completed, 40).Exited(0);
        Assert.Equal(JobPhase.Failed, job.State.Phase);
        Assert.Contains("the last checkpoint was not saved; the newest is step 30 (checkpoint 1)", job.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AnExtractionSucceedsWithoutACheckpoint()
    {
        var job = new JobScript(spec: JobSamples.Extraction).Training("a", "b").Finished(0, RankEnding.Completed, 40).Finished(1, RankEnding.Completed, 40);
        Assert.Equal(JobPhase.Succeeded, job.Exited(0).Exited(1).State.Phase);

        // Submitted again, it looks whether its files are still there.
        Assert.Equal(JobPhase.Queued, job.Do(JobSamples.Submit(JobSamples.Extraction, "k2")).State.Phase);
        Assert.Equal((JobPhase.Queued, 0), (job.Found().State.Phase, job.State.Step));
    }

    [Fact]
    public void AStoppedExtractionSaysHowFarItIs()
    {
        var job = new JobScript(spec: JobSamples.Extraction).Training("a").Do(new JobCommand.RequestStop(StopWish.Checkpoint)).Finished(0, RankEnding.Stopped, 3).Exited(0);
        Assert.Equal((JobPhase.Preempted, "stopped; 3 row groups of 40 are extracted"), (job.State.Phase, job.State.Reason));
    }

    [Fact]
    public void AStopLetsRanksSaveAndLeavesTheJobResumable()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.RequestStop(StopWish.Checkpoint));
        Assert.Equal("a: all", job.Saving);
        job.Committed(1, 15).Finished(0, RankEnding.Stopped, 15).Exited(0);
        Assert.Equal((JobPhase.Preempted, "stopped; step 15 is saved"), (job.State.Phase, job.State.Reason));
    }

    [Fact]
    public void RanksThatDoNotStopInTimeAreKilled()
    {
        var job = new JobScript(new JobRules { StopGrace = TimeSpan.FromSeconds(60) }).Training("a").Do(new JobCommand.RequestStop(StopWish.Cancel));
        job.After(TimeSpan.FromSeconds(60));
        Assert.Equal("a: all", job.Killed);
        Assert.Equal(JobPhase.Cancelled, job.Exited(0).State.Phase);
    }

    [Fact]
    public void AQueuedJobStopsAtOnceAndWithdrawsItsAsk()
    {
        var job = new JobScript().Found().Do(new JobCommand.RequestStop(StopWish.Cancel));
        Assert.Equal(JobPhase.Cancelled, job.State.Phase);
        Assert.Equal(1, job.Only<JobEffect.WithdrawAsk>().FirstMember);
    }

    [Fact]
    public void AJobStopsByItselfAfterTheStepItWasAskedTo()
    {
        var job = new JobScript(stopAfter: 15).Training("a").Committed(1, 15).Finished(0, RankEnding.Stopped, 15).Exited(0);
        Assert.Equal(JobPhase.Preempted, job.State.Phase);
    }

    [Fact]
    public void RanksThatStopForTheirWorkersSakeAreFollowedByANewGeneration()
    {
        var job = new JobScript().Training("a").Committed(1, 15).Finished(0, RankEnding.Stopped, 15).Exited(0);
        Assert.Equal(JobPhase.Recovering, job.State.Phase);
        job.Only<JobEffect.FindCheckpoint>();
    }

    [Fact]
    public void AResumedJobGoesOnInANewerGeneration()
    {
        var job = new JobScript(stopAfter: 15).Training("a").Committed(1, 15).Finished(0, RankEnding.Stopped, 15).Exited(0);
        job.Do(JobSamples.Submit(key: "k2"));
        Assert.Equal(JobPhase.Queued, job.State.Phase);
        job.Found(JobSamples.Entry(1, 15, 1));
        Assert.Equal((2, 15), (job.State.Generation, job.State.Step));
    }

    [Fact]
    public void AFinishedRunHasNothingToDoUntilItsStepsAreRaised()
    {
        var job = new JobScript().Found(JobSamples.Entry(4, 40, 2));
        Assert.Equal(JobPhase.Succeeded, job.State.Phase);
        Assert.Equal(JobPhase.Succeeded, job.Do(JobSamples.Submit(key: "k2")).State.Phase);
        Assert.Equal(JobPhase.Queued, job.Do(JobSamples.Submit(JobSamples.Spec(steps: 80), "k3")).State.Phase);
    }

    [Fact]
    public void ARepeatedSubmitChangesNothing()
    {
        var job = new JobScript().Found(JobSamples.Entry(4, 40, 2));
        Assert.Equal(JobPhase.Succeeded, job.Do(JobSamples.Submit(JobSamples.Spec(steps: 80), "k1")).State.Phase);
    }

    [Fact]
    public void AStoreThatWouldNotNoticeASecondWriterIsWarnedOfAtEveryStart()
    {
        var spec = JobSamples.Spec();
        var job = new JobScript(spec: spec with { Checkpoint = spec.Checkpoint with { Store = "s3://bucket/run", SingleWriter = true } }).Found();

        var warning = Assert.Single(job.State.Notes, e => e.Code == "KD-S121");
        Assert.Equal("checkpoint.single_writer: nobody but this coordinator may commit to 's3://bucket/run'; a second one would not be noticed", warning.Text);
        Assert.DoesNotContain(new JobScript().Found().State.Notes, e => e.Code == "KD-S121");
    }

    [Fact]
    public void ARunWhoseCheckpointsAreAllDamagedIsNotStartedOver()
    {
        var job = new JobScript().Do(new JobCommand.CheckpointFound([], new HistoryHead(0, null, 2, [1, 2]), ["checkpoint 2 is damaged"], 3));
        Assert.Equal(JobPhase.Failed, job.State.Phase);
        Assert.Contains("checkpoint 2 is damaged", job.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AProposalIsCommittedOnTheHeadOfItsGenerationAndAnsweredAfterTheWrite()
    {
        var job = new JobScript().Found(JobSamples.Entry(5, 10, 3)).Training("a");
        job.Proposed(20);
        Assert.Equal(5, job.Only<JobEffect.CommitCheckpoint>().Head.Seq);

        job.Committed(6, 20);
        Assert.True(job.Last.Durable);
        Assert.Equal(new JobEffect.SendVerdict(4, 1, "a", 20, 1, 6, ""), job.Only<JobEffect.SendVerdict>());
        Assert.IsType<JobEffect.Retain>(job.Effects[^1]);
    }

    [Fact]
    public void ARepeatedProposalIsAnsweredWithItsCommit()
    {
        var job = new JobScript().Training("a").Committed(6, 20).Proposed(20);
        Assert.Equal(6, job.Only<JobEffect.SendVerdict>().Seq);
    }

    [Fact]
    public void AProposalOfAnOlderGenerationIsRefused()
    {
        var job = new JobScript().Training("a", "b").Exited(1).Formed().Do(new JobCommand.CheckpointProposed(1, 1, "a", JobSamples.Draft(20)));
        var verdict = Assert.IsType<JobEffect.SendVerdict>(Assert.Single(job.Effects));
        Assert.Equal((0, "generation 1 is over; generation 2 is current"), (verdict.Seq, verdict.Error));
        Assert.Equal(1, job.State.IgnoredMessages);
    }

    [Fact]
    public void ASetIsCommittedWhenItsLastShardIsThereAndEveryRankHearsOfIt()
    {
        var job = new JobScript().Training("a", "b");
        job.Proposed(job.State.Seats[1], JobSamples.Draft(20, shard: 2, of: 2));
        Assert.Empty(job.Effects);
        Assert.Equal("shard 2 of 2 of step 20 is written", job.Last.Reason);
        job.Proposed(job.State.Seats[0], JobSamples.Draft(20, shard: 1, of: 2)).Only<JobEffect.CommitCheckpoint>();
        Assert.Equal(["a: 6", "b: 6"], job.Committed(6, 20).All<JobEffect.SendVerdict>().Select(v => $"{v.WorkerId}: {v.Seq}"));
    }

    [Fact]
    public void AShardThatFailedEndsTheAttemptForAllRanksAndIsToldOnce()
    {
        var job = new JobScript().Training("a", "b");
        job.Proposed(job.State.Seats[0], JobSamples.Draft(20, shard: 1, of: 2));
        job.Proposed(job.State.Seats[1], JobSamples.Draft(20, shard: 2, of: 2) with { Error = "KD-S104 The disk reported an error." });
        Assert.Equal(
            ["a: 0 abandoned KD-S104 The disk reported an error.", "b: 0 abandoned KD-S104 The disk reported an error."],
            job.All<JobEffect.SendVerdict>().Select(v => $"{v.WorkerId}: {v.Seq}{(v.IsAbandoned ? " abandoned" : "")} {v.Error}"));
        Assert.Equal(("KD-S104", "The disk reported an error."), job.State.Notes[^1] is var note ? (note.Code, note.Text) : default);
        Assert.Equal(JobPhase.Running, job.State.Phase);

        var notes = job.State.Notes.Length;
        job.Proposed(job.State.Seats[0], JobSamples.Draft(20, shard: 1, of: 2)); // its answer was lost
        Assert.True(job.Only<JobEffect.SendVerdict>().IsAbandoned);
        Assert.Equal(notes, job.State.Notes.Length);
        job.Proposed(30, attempt: 1).Only<JobEffect.CommitCheckpoint>();
    }

    [Fact]
    public void ASaveThatFindsNoRoomIsMadeAgainAfterRetentionFreedSome()
    {
        var job = new JobScript().Training("a", "b").Committed(6, 10).Committed(7, 15);
        job.Proposed(job.State.Seats[1], JobSamples.Draft(20, shard: 2, of: 2) with { Error = "KD-S101 No space in 'run'." });
        var ask = Assert.IsType<JobEffect.MakeRoom>(Assert.Single(job.Effects)); // nobody is told before it is known whether there is room
        var notes = job.State.Notes.Length;

        job.Do(new JobCommand.RoomMade(ask.Generation, ask.Step, ask.Attempt, ask.Why, new FreedRoom([6], FolderCount: 1)));

        Assert.Equal(["a: again", "b: again"], job.All<JobEffect.SendVerdict>().Select(v => $"{v.WorkerId}: {(v is { Seq: 0, IsAbandoned: true, IsSaveAgain: true } ? "again" : "over")}"));
        Assert.Equal([7L], job.State.Checkpoints.Select(c => c.Seq));
        Assert.Equal(("", "no space for step 20: 1 old checkpoint removed first, and it is saved again"), (job.State.Notes[^1].Code, job.State.Notes[^1].Text));
        Assert.Equal(notes + 1, job.State.Notes.Length);
        job.Proposed(21).Only<JobEffect.CommitCheckpoint>();
    }

    [Fact]
    public void ASaveThatFindsNoRoomIsOverWhereRetentionFreesNone()
    {
        var job = new JobScript().Training("a").Proposed(20);
        job.Proposed(job.State.Seats[0], JobSamples.Draft(30) with { Error = "KD-S101 No space in 'run'." });
        var ask = job.Only<JobEffect.MakeRoom>();

        job.Do(new JobCommand.RoomMade(ask.Generation, ask.Step, ask.Attempt, ask.Why, FreedRoom.None));

        Assert.Equal((true, false), job.Only<JobEffect.SendVerdict>() is var verdict ? (verdict.IsAbandoned, verdict.IsSaveAgain) : default);
        Assert.Equal(("KD-S101", "No space in 'run'."), (job.State.Notes[^1].Code, job.State.Notes[^1].Text));
        Assert.Equal(JobPhase.Running, job.State.Phase);
    }

    [Fact]
    public void FilesOfACommitThatFailedInTheMiddleAreNotCalledAbandoned()
    {
        var job = new JobScript().Training("a").Proposed(20).Do(new JobCommand.CheckpointRefused(1, 20, 1, "the log could not be synced", LostLineage: false));
        Assert.False(job.Only<JobEffect.SendVerdict>().IsAbandoned);
        Assert.False(job.Proposed(20).Only<JobEffect.SendVerdict>().IsAbandoned);
    }

    [Fact]
    public void ALostLineageForcesAFreshGeneration()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.CheckpointRefused(1, 20, 1, "checkpoint 3 was committed by someone else", LostLineage: true));
        Assert.Equal(JobPhase.Recovering, job.State.Phase);
    }

    [Fact]
    public void ACheckpointThatCannotBeWrittenLetsTrainingGoOn()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.CheckpointRefused(1, 20, 1, "no space", LostLineage: false));
        Assert.Equal(JobPhase.Running, job.State.Phase);
        Assert.Equal("no space", job.Only<JobEffect.SendVerdict>().Error);
    }

    [Fact]
    public void RanksThatComeBackAfterACoordinatorRestartAreLeftAlone()
    {
        var job = new JobScript().Training("a", "b").Do(new JobCommand.CoordinatorRestarted());
        Assert.Equal([(1, "a"), (2, "b")], job.Only<JobEffect.AdoptSlots>().Seats.Select(s => (s.Member, s.WorkerId)));
        Assert.Empty(job.Registered("a", JobScript.Running(1, 1)).Orders);
        Assert.NotNull(job.State.ReattachBy);
        Assert.Empty(job.Registered("b", JobScript.Running(2, 1)).Orders);
        Assert.Equal((JobPhase.Running, 1, null), (job.State.Phase, job.State.Generation, job.State.ReattachBy));
        Assert.Contains(job.State.Notes, n => n.Code == "KD-C102");
    }

    [Fact]
    public void TheOthersGoOnWithoutRanksThatDoNotComeBackInTime()
    {
        var job = new JobScript(new JobRules { ReattachTime = TimeSpan.FromSeconds(20) }).Training("a", "b").Do(new JobCommand.CoordinatorRestarted());
        job.Registered("a", JobScript.Running(1, 1)).After(20);
        Assert.Equal("worker b did not come back within 20 s of the coordinator's restart; it ran rank 1", job.State.Reason);
        Assert.Equal(("g2 a: 1", "b: 2", 0), (job.Forms, job.Killed, job.State.Restarts));
    }

    [Fact]
    public void AWorkerThatComesBackWithoutItsRankHasLostIt()
    {
        var job = new JobScript().Training("a", "b").Registered("b");
        Assert.Equal((JobPhase.Recovering, "worker b came back without rank 1"), (job.State.Phase, job.State.Reason));
        Assert.Equal("g2 a: 1", job.Forms);
    }

    [Fact]
    public void ProcessesOfThePastAreEndedWhenTheirWorkerRegisters()
    {
        var job = new JobScript().Training("a").Exited(0).Found().Training("a").Registered("z", JobScript.Running(1, 1));
        Assert.Equal(("z: 1", JobPhase.Running), (job.Killed, job.State.Phase));
    }

    [Fact]
    public void ARankThatMissedTheOrderToFormGetsItWhenItsWorkerIsBack()
    {
        var job = new JobScript().Found().Granted("a", "b").Ready(0).Ready(1).Registered("b", JobScript.Running(2, 0, waits: true));
        Assert.Equal("g1 b: 1 2", job.Forms);
    }

    [Fact]
    public void ALostWorkerIsNotTheJobsFault()
    {
        var job = new JobScript(new JobRules { RankFailureBudget = 0 }).Training("a", "b").Do(new JobCommand.WorkerLost("b", "was silent for 5 s"));
        Assert.Equal((JobPhase.Recovering, "worker b was silent for 5 s; it ran rank 1"), (job.State.Phase, job.State.Reason));
    }

    [Fact]
    public void ASubmitWhileRanksTrainChangesNothing()
    {
        var job = new JobScript().Training("a").Do(JobSamples.Submit(JobSamples.Spec(max: 2), "k2"));
        Assert.Equal((JobPhase.Running, 4), (job.State.Phase, job.State.Spec.Workers.Max));
    }

    [Fact]
    public void ASubmitAfterARestartReplacesAGenerationThatNobodyHasSeenSince()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.CoordinatorRestarted()).Do(JobSamples.Submit(JobSamples.Spec(max: 2), "k2"));
        Assert.Equal((JobPhase.Recovering, 2), (job.State.Phase, job.State.Spec.Workers.Max));
        job.Only<JobEffect.FindCheckpoint>();
    }

    [Fact]
    public void ASubmitThatNamesACheckpointGoesOnFromItUntilTheNextCommit()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.CoordinatorRestarted()).Do(JobSamples.Submit(key: "k2") with { ResumeSeq = 2 });
        Assert.Equal((JobPhase.Recovering, 2), (job.State.Phase, job.State.ResumeSeq));
        job.Only<JobEffect.FindCheckpoint>();

        // The answer to an older question does not count.
        Assert.Equal(JobWait.Checkpoint, job.Found(JobSamples.Entry(5, 30, 1)).State.Wait);
        job.Do(new JobCommand.CheckpointFound([JobSamples.Entry(2, 10, 1)], new HistoryHead(2, "hash", 5, [3, 4, 5]), [], 1, AskedSeq: 2));
        Assert.Equal((JobWait.Slots, 2, 10), (job.State.Wait, job.State.Base!.Seq, job.State.Step));

        // The same command without it, and a restart, still go on with it; a commit makes it history.
        Assert.Equal(2, job.Do(JobSamples.Submit(key: "k3")).State.ResumeSeq);
        job.Do(new JobCommand.CheckpointCommitted(job.State.Generation, 1, JobSamples.Entry(6, 20, 2), new HistoryHead(6, "hash", 6, [])));
        Assert.Equal(0, job.State.ResumeSeq);
    }

    [Fact]
    public void ACheckpointThatCannotBeGoneOnFromIsForgottenWithTheFailure()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.CoordinatorRestarted()).Do(JobSamples.Submit(key: "k2") with { ResumeSeq = 9 });
        job.Do(new JobCommand.PreparationFailed("there is none of this number"));
        Assert.Equal((JobPhase.Failed, 0), (job.State.Phase, job.State.ResumeSeq));
    }

    [Fact]
    public void ARepeatedGrantDoesNotTakeTheSlotsOfRunningRanksAway()
    {
        var job = new JobScript().Training("a").Do(new JobCommand.SlotsGranted(1, JobSamples.Slots(1, "a")));
        Assert.Equal(JobPhase.Running, job.State.Phase);
        Assert.Empty(job.Effects);
    }

    [Fact]
    public void TheOthersBeginWithoutRanksThatAreNotReadyInTime()
    {
        var job = new JobScript(new JobRules { StartTimeout = TimeSpan.FromSeconds(300) }).Found().Granted("a", "b").Ready(0).After(300);
        Assert.Contains(job.State.Notes, n => n is { Code: "KD-W111", Text: "not ready within 300 s: rank 1 on b" });
        Assert.Equal(("g1 a: 1", "b: 2"), (job.Forms, job.Killed));
    }

    [Fact]
    public void OnlyTheNewestNotesAreKept()
    {
        var state = new JobScript().State;
        for (var i = 0; i < 300; i++)
            state = state.Noted(JobSamples.Noon, "", $"note {i}");
        Assert.Equal((200, "note 299"), (state.Notes.Length, state.Notes[^1].Text));
    }

    [Fact]
    public void AStateSurvivesItsJson()
    {
        var state = new JobScript().Training("a", "b").Committed(1, 10).Exited(0).State;
        var json = StateJson.Write(new JobRecord { Job = state });
        Assert.Equal(json, StateJson.Write(StateJson.Read<JobRecord>(json)));
    }
}
