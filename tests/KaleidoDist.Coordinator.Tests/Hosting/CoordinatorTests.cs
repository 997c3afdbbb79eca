using Grpc.Core;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator.Tests;

using JobState = KaleidoDist.Protocol.V1.JobState;

public sealed class CoordinatorTests : IAsyncLifetime
{
    private Cluster cluster = null!;

    public async Task InitializeAsync() => cluster = await Cluster.StartAsync();

    public async Task DisposeAsync() => await cluster.DisposeAsync();

    [Fact]
    public async Task AJobRunsFromSubmitToSuccess()
    {
        await using var worker = await cluster.WorkerAsync("w1", 2);
        Assert.Equal(250, (await worker.WelcomeAsync()).HeartbeatMilliseconds);
        var reply = await cluster.SubmitAsync();
        Assert.Equal(("sample", true, false), (reply.JobId, reply.Created, reply.Resumed));

        var start = await worker.StartAsync();
        Assert.Equal((1, 0, "1,2", false), (start.Generation, start.ResumeSeq, string.Join(',', start.Members), start.Joining));
        Assert.Equal(1000, start.Train.RowCount);
        await worker.ReadyAsync(start);
        var form = await worker.FormedAsync();
        Assert.Equal(["w1:1", "w1:2"], form.Members.Select(m => m.Endpoint));
        Assert.Equal((1, 32, false, false), (form.Generation, form.SessionKey.Length, form.AtBorder, form.Stop));

        await worker.ProgressAsync(form, 1);
        await worker.ProgressAsync(form, 2);
        var status = await cluster.UntilAsync("sample", s => s.Step == 2);
        Assert.Equal((JobState.Running, 40, 64, 64.0, 19.0), (status.State, status.TotalSteps, status.Samples, status.SamplesPerSecond, status.EtaSeconds));
        Assert.Equal([(0, 4, 1), (4, 4, 2)], status.Ranks.Select(r => (r.FirstVirtualRank, r.VirtualRankCount, r.Member)));

        var decision = await worker.SaveAsync(form, 40, "final");
        Assert.Equal((true, 1, 40), (decision.Committed, decision.Seq, decision.Step));
        foreach (var member in start.Members)
        {
            await worker.FinishAsync("sample", member, RankOutcome.Completed, 40);
            await worker.ExitAsync("sample", member, RankOutcome.Completed);
        }

        status = await cluster.UntilAsync("sample", JobState.Succeeded);
        Assert.Equal("all 40 steps are done", status.Reason);
        Assert.Equal(40, Assert.Single(status.Checkpoints).Step);

        var again = await cluster.SubmitAsync();
        Assert.Equal(("sample", false, false), (again.JobId, again.Created, again.Resumed));
        Assert.Equal(JobState.Succeeded, (await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" })).State);
    }

    [Fact]
    public async Task TheOthersGoOnFromMemoryWhenARankDies()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await using var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        var (start1, start2) = (await w1.StartAsync(), await w2.StartAsync());
        await w1.ReadyAsync(start1);
        await w2.ReadyAsync(start2);
        var first = await w1.FormedAsync();
        await w2.FormedAsync();
        await w1.ProgressAsync(first, 27);
        await cluster.UntilAsync("sample", s => s.Step == 27);

        await w2.ExitAsync("sample", start2.Members[0]);
        var next = await w1.FormedAsync(27);
        Assert.Equal((2, false, start1.Members[0]), (next.Generation, next.AtBorder, Assert.Single(next.Members).Member));
        Assert.Equal((0, 1), (first.Failures, next.Failures));
        Assert.NotEqual(first.SessionKey, next.SessionKey);
        await cluster.UntilAsync("sample", s => s is { State: JobState.Running, Generation: 2 });

        // Words of the dead change nothing.
        await w2.ProposeAsync(new FormGeneration { JobId = "sample", Generation = 1, Members = { new RankMember { Member = start2.Members[0] } } }, 25);
        Assert.Equal((false, "generation 1 is over; generation 2 is current"), await w2.VerdictAsync() is var d ? (d.Committed, d.Error) : default);
        await w1.ProgressAsync(next, 28);
        var status = await cluster.UntilAsync("sample", s => s is { Step: 28, LastRegroup.FirstStepAt: not null });
        Assert.Equal((1, 0, 28), (status.Regroups, status.Restarts, status.Step));
        var change = status.LastRegroup;
        Assert.Equal((2, 1, 27, 0.25, 0.5, 0.125), (change.Generation, change.WorldSize, change.Step, change.ConnectSeconds, change.AgreeSeconds, change.CatchUpSeconds));
        Assert.Equal("rank 1 on w2 was killed by SIGKILL", change.Cause);
        Assert.True(change.NoticedAt <= change.DecidedAt && change.DecidedAt <= change.FormedAt && change.FormedAt <= change.FirstStepAt);
    }

    [Fact]
    public async Task KeptCheckpointsAreReadBackAgainAndAgainAndDamageIsSaidOnce()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await worker.ReadyAsync(await worker.StartAsync());
        await worker.SaveAsync(await worker.FormedAsync(), 10);
        var first = (await cluster.UntilAsync("sample", s => s.Checkpoints is [{ CheckedAt: not null }])).Checkpoints[0];
        Assert.Equal("", first.Damage);

        cluster.Ledger.Rot(1);
        var damaged = (await cluster.UntilAsync("sample", s => s.Events.Any(e => e.Code == "KD-S110"))).Checkpoints[0];
        Assert.Equal("Checkpoint 1 does not verify any more", damaged.Damage);
        var again = await cluster.UntilAsync("sample", s => s.Checkpoints[0].CheckedAt > damaged.CheckedAt);
        Assert.Single(again.Events, e => e.Code == "KD-S110");
    }

    [Fact]
    public async Task WhatIsKnownOfCheckpointsOutlivesTheCoordinator()
    {
        JobStatus before;
        await using (var worker = await cluster.WorkerAsync("w1", 1))
        {
            await cluster.SubmitAsync();
            await worker.ReadyAsync(await worker.StartAsync());
            await worker.SaveAsync(await worker.FormedAsync(), 10);
            await worker.SendAsync(new WorkerMessage { RankWarning = new RankWarning { JobId = "sample", Member = 1, Code = "KD-S106", Text = "the checkpoint of step 10 is still on its way" } });
            cluster.Ledger.Rot(1);
            before = await cluster.UntilAsync("sample", s => s is { Checkpoints: [{ Damage.Length: > 0 }], SkippedSaves: 1 });
            await cluster.RestartAsync();
        }

        var after = await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" });
        Assert.Equal(("Checkpoint 1 does not verify any more", 1), (after.Checkpoints[0].Damage, after.SkippedSaves));
        Assert.True(after.Checkpoints[0].CheckedAt >= before.Checkpoints[0].CheckedAt);
        Assert.Single(after.Events, e => e.Code == "KD-S106");
    }

    [Fact]
    public async Task SlotsAreStillKnownAfterAQuietTime()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await worker.WelcomeAsync();
        var pool = cluster.Grains.GetGrain<IPoolGrain>(IPoolGrain.TheOne);
        while ((await pool.Counts()).IsEmpty)
            await Task.Yield();
        await cluster.Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
        await cluster.SubmitAsync();
        await worker.StartAsync();
    }

    [Fact]
    public async Task RanksKeepTrainingWhileTheCoordinatorIsRestarted()
    {
        StartRanks start;
        FormGeneration form;
        await using (var worker = await cluster.WorkerAsync("w1", 2))
        {
            await cluster.SubmitAsync();
            start = await worker.StartAsync();
            await worker.ReadyAsync(start);
            form = await worker.FormedAsync();
            await worker.SaveAsync(form, 10);
            await cluster.RestartAsync();
        }

        var away = await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" });
        Assert.Equal((JobState.Running, 1), (away.State, away.Generation));

        RunningRank[] running = [.. start.Members.Select(m => new RunningRank { JobId = "sample", Generation = 1, Member = m, Rank = (int)m - 1, Endpoint = $"w1:{m}", Phase = "forward" })];
        await using var back = await cluster.WorkerAsync("w1", 2, "one", running);
        await cluster.UntilAsync("sample", s => s.Events.Any(e => e.Code == "KD-C102"));
        await back.ProgressAsync(form, 12);
        var status = await cluster.UntilAsync("sample", s => s.Step == 12);
        Assert.Equal((JobState.Running, 1, 0, 0), (status.State, status.Generation, status.Restarts, status.Regroups));
        Assert.Equal(2, Assert.Single((await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers).SlotsInUse);

        var decision = await back.SaveAsync(form, 20);
        Assert.Equal((true, 2), (decision.Committed, decision.Seq));
    }

    [Fact]
    public async Task AnOrderThatIsRepeatedAfterARestartHasTheSameKey()
    {
        string first;
        await using (var worker = await cluster.WorkerAsync("w1", 1))
        {
            await cluster.SubmitAsync();
            await worker.ReadyAsync(await worker.StartAsync());
            first = (await worker.FormAsync()).SessionKey.ToBase64();
            await cluster.RestartAsync();
        }

        await using var back = await cluster.WorkerAsync("w1", 1, "one", new RunningRank { JobId = "sample", Member = 1, Rank = -1, Endpoint = "w1:1", Phase = "waiting" });
        Assert.Equal(first, (await back.FormAsync()).SessionKey.ToBase64());
    }

    [Fact]
    public async Task ARankThatFinishedWhileTheCoordinatorWasAwayIsNotMissing()
    {
        await using (var worker = await cluster.WorkerAsync("w1", 2))
        {
            await cluster.SubmitAsync();
            await worker.ReadyAsync(await worker.StartAsync());
            var form = await worker.FormedAsync();
            await cluster.UntilAsync("sample", JobState.Running);
            Assert.True((await worker.SaveAsync(form, 40, "final")).Committed);
            await cluster.RestartAsync();
        }

        var saving = new RunningRank { JobId = "sample", Generation = 1, Rank = 0, Member = 1, Endpoint = "w1:1", Phase = "checkpoint" };
        var finished = new RankExited { JobId = "sample", Generation = 1, Rank = 1, Member = 2, Outcome = RankOutcome.Completed };
        await using var back = await FakeWorker.ConnectAsync(cluster.Host.Address, "w1", 2, "one", [saving], [finished]);
        await back.ExitAsync("sample", 1, RankOutcome.Completed);
        var status = await cluster.UntilAsync("sample", JobState.Succeeded);
        Assert.Equal((1, 0), (status.Generation, status.Restarts));
    }

    [Fact]
    public async Task AJobAtRestIsFoundAfterARestart()
    {
        await cluster.SubmitAsync();
        await cluster.Jobs.StopJobAsync(new StopJobRequest { JobId = "sample", Mode = StopMode.Cancel });
        await cluster.UntilAsync("sample", JobState.Cancelled);
        await cluster.RestartAsync();
        Assert.Equal(JobState.Cancelled, (await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" })).State);
        Assert.Equal("sample", Assert.Single((await cluster.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs).JobId);
    }

    [Fact]
    public async Task AWorkerThatComesBackWithoutItsRanksAfterACrashOfAllIsGivenANewGeneration()
    {
        await using (var worker = await cluster.WorkerAsync("w1", 2))
        {
            await cluster.SubmitAsync();
            await worker.ReadyAsync(await worker.StartAsync());
            await worker.SaveAsync(await worker.FormedAsync(), 10);
            await cluster.RestartAsync();
        }

        await using var fresh = await cluster.WorkerAsync("w1", 2, "two");
        var next = await fresh.StartAsync();
        Assert.Equal((2, 1, false), (next.Generation, next.ResumeSeq, next.Joining));
        Assert.Empty(next.Members.Intersect([1L, 2L]));
    }

    [Fact]
    public async Task ALostWorkerLeavesItsJobToTheOthers()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w2.ReadyAsync(await w2.StartAsync());
        await w1.FormedAsync();
        await w2.FormedAsync();

        await w2.DisposeAsync();
        var next = await w1.FormAsync();
        Assert.Equal((2, "w1"), (next.Generation, Assert.Single(next.Members).WorkerId));
        var states = (await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers.Select(w => (w.WorkerId, w.State));
        Assert.Equal([("w1", "connected"), ("w2", "lost")], states);
    }

    [Fact]
    public async Task AWorkerWhoseStreamBrokeIsLostAtOnceWhenAPeerLostItsRank()
    {
        await using var patient = await Cluster.StartAsync(reconnectGrace: TimeSpan.FromMinutes(1));
        await using var w1 = await patient.WorkerAsync("w1", 1);
        var w2 = await patient.WorkerAsync("w2", 1);
        await patient.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w2.ReadyAsync(await w2.StartAsync());
        var form = await w1.FormedAsync();
        await w2.FormedAsync();
        await patient.UntilAsync("sample", JobState.Running);
        var lost = form.Members.Single(m => m.WorkerId == "w2");
        var other = form.Members.Single(m => m.WorkerId == "w1");

        await w2.DisposeAsync();
        await w1.SendAsync(new WorkerMessage { RankInterrupted = new RankInterrupted { JobId = "sample", Generation = 1, Rank = other.Rank, Member = other.Member, Step = 5, LostPeer = lost.Rank, Cause = "connection reset" } });
        var next = await w1.FormAsync();
        Assert.Equal((2, "w1"), (next.Generation, Assert.Single(next.Members).WorkerId));
    }

    [Fact]
    public async Task AStopSavesAndTheSameSubmitGoesOn()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await worker.ReadyAsync(await worker.StartAsync());
        var form = await worker.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);
        var stopping = await cluster.Jobs.StopJobAsync(new StopJobRequest { JobId = "sample", Mode = StopMode.Checkpoint });
        Assert.Equal("stopping with a checkpoint", stopping.Reason);
        Assert.Equal(StopRanksMode.Checkpoint, (await worker.StopAsync()).Mode);
        await worker.SaveAsync(form, 7, "preempt");
        await worker.FinishAsync("sample", 1, RankOutcome.Stopped, 7);
        await worker.ExitAsync("sample", 1, RankOutcome.Stopped);
        Assert.Equal("stopped; step 7 is saved", (await cluster.UntilAsync("sample", JobState.Preempted)).Reason);

        var reply = await cluster.SubmitAsync(Cluster.Yaml(max: 1));
        Assert.Equal(("sample", false, true), (reply.JobId, reply.Created, reply.Resumed));
        var next = await worker.StartAsync();
        Assert.Equal((2, 1, 1), (next.Generation, next.Members.Count, next.ResumeSeq));
    }

    [Fact]
    public async Task ARankOfAJobThatNobodyKnowsIsKilled()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1, "one", new RunningRank { JobId = "ghost", Generation = 3, Rank = 0, Member = 9 });
        var stop = await worker.StopAsync();
        Assert.Equal(("ghost", 9, StopRanksMode.Kill), (stop.JobId, Assert.Single(stop.Members), stop.Mode));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ADeathThatCouldNotBeStoredIsNotForgotten(bool wholeWorker)
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        var start2 = await w2.StartAsync();
        await w2.ReadyAsync(start2);
        await w1.FormedAsync();
        await w2.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);

        cluster.Disk.IsFull = true;
        if (!wholeWorker)
            await w2.ExitAsync("sample", start2.Members[0]);
        else
            await w2.DisposeAsync();
        while (cluster.Disk.FailedCount == 0)
            await Task.Delay(10);
        Assert.Equal(1, (await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" })).Generation);
        cluster.Disk.IsFull = false;
        // The stream that brought a report which could not be stored was ended: the worker registers, without the rank.
        await using var back = wholeWorker ? null : await cluster.WorkerAsync("w2", 1);
        var next = await w1.FormAsync();
        Assert.Equal((2, "w1"), (next.Generation, Assert.Single(next.Members).WorkerId));
        if (!wholeWorker)
            await w2.DisposeAsync();
    }

    [Fact]
    public async Task AFullDiskIsToldOfWhenItBeginsAndWhenItEnds()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w2.ReadyAsync(await w2.StartAsync());
        await w1.FormedAsync();
        await w2.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);

        cluster.Disk.IsFull = true;
        await w2.DisposeAsync();
        while (cluster.Disk.FailedCount < 10)
            await Task.Delay(10);
        cluster.Disk.IsFull = false;
        await w1.FormAsync();
        Assert.Equal(
            [
                "Error: KD-S102 The state of job sample cannot be written; what is to be decided is tried again until it can. Make room in the state folder",
                "Information: KD-S102 The state of job sample is written again",
            ],
            cluster.Log.Lines.Where(l => l.StartsWith("Error", StringComparison.Ordinal) || l.Contains("KD-S102", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AWorkerThatComesLaterJoinsWhileTheOthersTrain()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w1.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);

        await using var w2 = await cluster.WorkerAsync("w2", 1);
        var start = await w2.StartAsync();
        Assert.True(start.Joining);
        await w2.ReadyAsync(start);
        var donate = await w1.DonateAsync();
        Assert.Equal((1, start.Members[0], $"w2:{start.Members[0]}"), (donate.Member, donate.Joiner, donate.Endpoint));
        Assert.Equal(start.DonationKey, donate.DonationKey);
        Assert.Contains((await cluster.UntilAsync("sample", s => s.Ranks.Any(r => r.Joining))).Ranks, r => r is { WorkerId: "w2", VirtualRankCount: 0 });
        await w2.SendAsync(new WorkerMessage { RankCaughtUp = new RankCaughtUp { JobId = "sample", Member = start.Members[0], Step = 3 } });
        var form = await w1.FormedAsync(4);
        Assert.Equal((2, true, "w1 w2"), (form.Generation, form.AtBorder, string.Join(' ', form.Members.Select(m => m.WorkerId))));
        await w2.FormedAsync(4);
        var status = await cluster.UntilAsync("sample", s => s is { State: JobState.Running, WorldSize: 2 });
        Assert.Equal((0, 1), (status.Restarts, status.Regroups));
    }

    [Fact]
    public async Task AJoinerThatComputesOtherBitsIsRefused()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w1.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);
        await using var w2 = await cluster.WorkerAsync("w2", 1);
        var start = await w2.StartAsync();
        await w2.ReadyAsync(start, "AVX512");
        Assert.Equal(start.Members, (await w2.StopAsync()).Members);
        var status = await cluster.UntilAsync("sample", s => s.Events.Any(e => e.Code == "KD-V101"));
        Assert.Contains(status.Events, e => e.Text == "worker w2 cannot take part: cpu_capability is AVX512; the job's ranks have AVX2");
    }

    [Fact]
    public async Task ADrainedWorkerIsLeftAtABorderAndDismissed()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await using var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w2.ReadyAsync(await w2.StartAsync());
        var first = await w1.FormedAsync();
        await w2.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);
        Assert.Equal(1, (await cluster.Workers.DrainWorkerAsync(new DrainWorkerRequest { WorkerId = "w2" })).Ranks);

        var (form, told) = (await w1.FormedAsync(), await w2.FormAsync());
        Assert.Equal((2, true, "w1", 0), (form.Generation, form.AtBorder, Assert.Single(form.Members).WorkerId, form.Failures));
        told.RunningSeconds = form.RunningSeconds; // time went by between the two orders
        Assert.Equal(form, told);
        Assert.Equal("draining", (await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers.Single(w => w.WorkerId == "w2").State);
        await w2.ExitAsync("sample", first.Members.Single(m => m.WorkerId == "w2").Member, RankOutcome.Left);
        await w2.DismissedAsync();
        var status = await cluster.UntilAsync("sample", s => s is { State: JobState.Running, Generation: 2 });
        Assert.DoesNotContain(status.Events, e => e.Code == "KD-W101");
        var error = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Workers.DrainWorkerAsync(new DrainWorkerRequest { WorkerId = "nobody" }));
        Assert.Equal("No worker 'nobody' is connected; the workers are: w1, w2.", error.Status.Detail);
    }

    [Fact]
    public async Task ADrainOutlivesTheCoordinatorAndEndsWithTheWorkersProcess()
    {
        FormGeneration form;
        await using (var w1 = await cluster.WorkerAsync("w1", 1))
        await using (var w2 = await cluster.WorkerAsync("w2", 1))
        {
            await cluster.SubmitAsync();
            await w1.ReadyAsync(await w1.StartAsync());
            await w2.ReadyAsync(await w2.StartAsync());
            form = await w1.FormedAsync();
            await w2.FormedAsync();
            await cluster.UntilAsync("sample", JobState.Running);
            await cluster.Workers.DrainWorkerAsync(new DrainWorkerRequest { WorkerId = "w2" });
            await w1.FormAsync();
            await cluster.RestartAsync();
        }

        // Its rank has left and the job has room again: nothing but the drain keeps w2 from being dealt a joiner.
        RunningRank Rank(string worker) => new() { JobId = "sample", Generation = 1, Member = form.Members.Single(m => m.WorkerId == worker).Member, Rank = 0, Endpoint = $"{worker}:1", Phase = "forward" };
        await using var back = await cluster.WorkerAsync("w1", 1, "one", Rank("w1"));
        await back.FormedAsync();
        await using var drained = await FakeWorker.ConnectAsync(cluster.Host.Address, "w2", 1, "one", [], [new RankExited { JobId = "sample", Member = Rank("w2").Member, Outcome = RankOutcome.Left }]);
        Assert.Equal("worker w2 was drained (an operator asked for it) and runs nothing any more", (await drained.DismissedAsync()).Reason);
        Assert.Equal("draining", (await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers.Single(w => w.WorkerId == "w2").State);

        await using var anew = await cluster.WorkerAsync("w2", 1, "two");
        Assert.True((await anew.StartAsync()).Joining);
    }

    [Fact]
    public async Task AWorkerWhoseDrainCannotBeStoredIsNotDrained()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await worker.WelcomeAsync();
        await cluster.SubmitAsync();
        await worker.StartAsync();
        cluster.Disk.IsFull = true;
        var error = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Workers.DrainWorkerAsync(new DrainWorkerRequest { WorkerId = "w1" }));
        Assert.Equal("KD-S102 The state of worker w1 could not be written (No space left on device); nothing was changed. Make room in the coordinator's state folder and try again.", error.Status.Detail);
        cluster.Disk.IsFull = false;
        Assert.Equal("connected", Assert.Single((await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers).State);
    }

    [Fact]
    public async Task AWorkerThatWasToldToEndMayLeaveAtABorderToo()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await using var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        await w1.ReadyAsync(await w1.StartAsync());
        await w2.ReadyAsync(await w2.StartAsync());
        await w1.FormedAsync();
        await w2.FormedAsync();
        await cluster.UntilAsync("sample", JobState.Running);
        await w2.SendAsync(new WorkerMessage { LeaveRequest = new LeaveRequest { Reason = "SIGTERM" } });
        Assert.True((await w1.FormAsync()).AtBorder);
        Assert.Contains((await cluster.UntilAsync("sample", s => s.Events.Any(e => e.Code == "KD-W105"))).Events, e => e.Text == "worker w2 leaves (SIGTERM)");
    }

    [Fact]
    public async Task ASecondProcessWithAWorkersIdSupersedesTheFirstForGood()
    {
        await using var first = await cluster.WorkerAsync("w1", 1, "one");
        await first.WelcomeAsync();
        await using var second = await cluster.WorkerAsync("w1", 1, "two");
        await second.WelcomeAsync();
        Assert.Contains("another process connected as worker 'w1'", (await first.NextAsync(o => o.Superseded)).Reason, StringComparison.Ordinal);
        await using var again = await cluster.WorkerAsync("w1", 1, "one");
        await again.NextAsync(o => o.Superseded);
    }

    [Fact]
    public async Task ARepeatedSubmitNamesTheFirstJob()
    {
        var first = await cluster.SubmitAsync(key: "same");
        var repeated = await cluster.SubmitAsync(key: "same");
        Assert.Equal((first.JobId, false), (repeated.JobId, repeated.Created));
        var sameFolder = await cluster.SubmitAsync(key: "other");
        Assert.Equal((first.JobId, false), (sameFolder.JobId, sameFolder.Created));
        var otherFolder = await cluster.SubmitAsync(Cluster.Yaml(run: "runs/two"));
        Assert.Equal(("sample-2", true), (otherFolder.JobId, otherFolder.Created));
        await cluster.RestartAsync();
        Assert.Equal(first.JobId, (await cluster.SubmitAsync(key: "same")).JobId);
        Assert.Equal(["sample", "sample-2"], (await cluster.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs.Select(j => j.JobId));
    }

    [Fact]
    public async Task AnInvalidSubmitIsToldAllItsErrorsAtOnce()
    {
        var yaml = Cluster.Yaml().Replace("global_batch_size: 32", "global_batch_size: 33", StringComparison.Ordinal).Replace("name: sample", "name: sample\nsede: 4", StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<RpcException>(() => cluster.SubmitAsync(yaml, stopAfter: -1));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        var lines = error.Status.Detail.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Contains(lines, l => l.Contains("stop_after_step is -1", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("sede", StringComparison.Ordinal) && l.StartsWith("job.yaml:", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("33 is not divisible", StringComparison.Ordinal));

        var missing = Cluster.Yaml().Replace("train: train.parquet", "train: missing-1, validation: missing-2", StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<RpcException>(() => cluster.SubmitAsync(missing));
        Assert.Equal(2, error.Status.Detail.Split('\n').Length);
    }

    [Fact]
    public async Task AStoreThatIsNotFitForCheckpointsIsRefusedAtSubmit()
    {
        cluster.Ledger.Unfit = "KD-S121 The store 's3://bucket/run' ignores conditional writes";

        var error = await Assert.ThrowsAsync<RpcException>(() => cluster.SubmitAsync());

        Assert.Equal((StatusCode.InvalidArgument, cluster.Ledger.Unfit), (error.StatusCode, error.Status.Detail));
        Assert.Empty((await cluster.Jobs.ListJobsAsync(new ListJobsRequest())).Jobs);
    }

    [Fact]
    public async Task ARunFolderIsNotContinuedWithAnotherComputation()
    {
        await cluster.SubmitAsync();
        await cluster.Jobs.StopJobAsync(new StopJobRequest { JobId = "sample", Mode = StopMode.Checkpoint });
        var error = await Assert.ThrowsAsync<RpcException>(() => cluster.SubmitAsync("seed: 7\n" + Cluster.Yaml()));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.StartsWith("'seed' is 7; the run '", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUnknownJobIsAnsweredWithTheOnesThereAre()
    {
        await cluster.SubmitAsync();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "nope" }));
        Assert.Equal((StatusCode.NotFound, "No job 'nope'; the jobs are: sample."), (error.StatusCode, error.Status.Detail));
    }

    [Fact]
    public async Task AJobThatWaitsSaysForHowMany()
    {
        await cluster.SubmitAsync(Cluster.Yaml(max: 2).Replace("min: 1", "min: 2", StringComparison.Ordinal));
        await using var worker = await cluster.WorkerAsync("w1", 1);
        var status = await cluster.UntilAsync("sample", s => s.Reason.Contains("1 is free", StringComparison.Ordinal));
        Assert.Equal((JobState.Queued, "waiting for at least 2 slots; 1 is free"), (status.State, status.Reason));
    }

    [Fact]
    public async Task MetricsAndLogsAreReadBackAndFollowed()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await worker.ReadyAsync(await worker.StartAsync());
        var form = await worker.FormedAsync();
        using var follow = cluster.Jobs.ReadMetrics(new ReadMetricsRequest { JobId = "sample", AfterStep = 1, Follow = true });
        for (var step = 1; step <= 3; step++)
            await worker.ProgressAsync(form, step);
        var steps = new List<long>();
        while (steps.Count < 2 && await follow.ResponseStream.MoveNext(default))
            steps.Add(follow.ResponseStream.Current.Step);
        Assert.Equal([2, 3], steps);

        var batch = new LogBatch();
        batch.Lines.AddRange(Enumerable.Range(1, 5).Select(i => new LogLine { JobId = "sample", Rank = i % 2, Text = $"line {i}" }));
        await worker.SendAsync(new WorkerMessage { LogBatch = batch });
        await worker.SaveAsync(form, 3); // answered after the log was taken
        var lines = await cluster.Jobs.ReadLogs(new ReadLogsRequest { JobId = "sample", Rank = 1, Tail = 2 }).ResponseStream.ReadAllAsync().Select(l => l.Text).ToListAsync();
        Assert.Equal(["line 3", "line 5"], lines);
    }

    [Fact]
    public async Task AWorkerThatLeavesIsNotWaitedFor()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await worker.ReadyAsync(await worker.StartAsync());
        await worker.FormedAsync();
        await worker.LeaveAsync("node goes down");
        var status = await cluster.UntilAsync("sample", JobState.Recovering);
        Assert.Contains(status.Events, e => e.Text == "worker w1 left (node goes down); it ran rank 0");
    }
}
