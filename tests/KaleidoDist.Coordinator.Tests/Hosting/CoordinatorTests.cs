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
        Assert.Equal((1, 2, 0, "0,1"), (start.Generation, start.WorldSize, start.ResumeSeq, string.Join(',', start.Ranks)));
        Assert.Equal(32, start.SessionKey.Length);
        Assert.Equal(1000, start.Train.RowCount);
        await worker.ReadyAsync(start);
        var form = await worker.FormAsync();
        Assert.Equal(["w1:0", "w1:1"], form.Members.Select(m => m.Endpoint));

        await worker.ProgressAsync(start, 1);
        await worker.ProgressAsync(start, 2);
        var status = await cluster.UntilAsync("sample", s => s.Step == 2);
        Assert.Equal((JobState.Running, 40, 64, 64.0, 19.0), (status.State, status.TotalSteps, status.Samples, status.SamplesPerSecond, status.EtaSeconds));
        Assert.Equal([(0, 4), (4, 4)], status.Ranks.Select(r => (r.FirstVirtualRank, r.VirtualRankCount)));

        var decision = await worker.SaveAsync(start, 40, "final");
        Assert.Equal((true, 1, 40), (decision.Committed, decision.Seq, decision.Step));
        foreach (var rank in start.Ranks)
        {
            await worker.FinishAsync(start, rank, RankOutcome.Completed, 40);
            await worker.ExitAsync(start, rank, RankOutcome.Completed);
        }

        status = await cluster.UntilAsync("sample", JobState.Succeeded);
        Assert.Equal("all 40 steps are done", status.Reason);
        Assert.Equal(40, Assert.Single(status.Checkpoints).Step);

        var again = await cluster.SubmitAsync();
        Assert.Equal(("sample", false, false), (again.JobId, again.Created, again.Resumed));
        Assert.Equal(JobState.Succeeded, (await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" })).State);
    }

    [Fact]
    public async Task ADeadRankIsFollowedByANewGenerationFromTheNewestCheckpoint()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        await using var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        var (start1, start2) = (await w1.StartAsync(), await w2.StartAsync());
        await w1.ReadyAsync(start1);
        await w2.ReadyAsync(start2);
        await w1.FormAsync();
        await w1.SaveAsync(start1, 20);
        await w1.ProgressAsync(start1, 27);
        await cluster.UntilAsync("sample", s => s.Step == 27);

        await w2.ExitAsync(start2, 1);
        var stop = await w1.StopAsync();
        Assert.Equal((1, StopRanksMode.Kill), (stop.Generation, stop.Mode));
        await w1.ExitAsync(start1, 0);
        var next = await w1.StartAsync();
        Assert.Equal((2, 2, 1), (next.Generation, next.WorldSize, next.ResumeSeq));
        Assert.NotEqual(start1.SessionKey, next.SessionKey);

        // Words of the dead generation change nothing.
        await w2.SendAsync(new WorkerMessage { RankReady = new RankReady { JobId = "sample", Generation = 1, Rank = 1, Endpoint = "zombie:1" } });
        await w2.ProposeAsync(start2, 25);
        Assert.Equal((false, "generation 1 is over; generation 2 is current"), await w2.VerdictAsync() is var d ? (d.Committed, d.Error) : default);
        var status = await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" });
        Assert.Equal((JobState.Starting, 2, 20, 1), (status.State, status.Generation, status.Step, status.Restarts));
        Assert.Contains(status.Events, e => e is { Code: "KD-R101", Text: "going on from step 20 (checkpoint 1); 7 steps will be repeated" });
    }

    [Fact]
    public async Task RanksKeepTrainingWhileTheCoordinatorIsRestarted()
    {
        StartRanks start;
        await using (var worker = await cluster.WorkerAsync("w1", 2))
        {
            await cluster.SubmitAsync();
            start = await worker.StartAsync();
            await worker.ReadyAsync(start);
            await worker.FormAsync();
            await worker.SaveAsync(start, 10);
            await cluster.RestartAsync();
        }

        var away = await cluster.Jobs.GetJobAsync(new GetJobRequest { JobId = "sample" });
        Assert.Equal((JobState.Running, 1), (away.State, away.Generation));

        RunningRank[] running = [.. start.Ranks.Select(r => new RunningRank { JobId = "sample", Generation = 1, Rank = r, Endpoint = $"w1:{r}", Phase = "forward" })];
        await using var back = await cluster.WorkerAsync("w1", 2, "one", running);
        await cluster.UntilAsync("sample", s => s.Events.Any(e => e.Code == "KD-C102"));
        await back.ProgressAsync(start, 12);
        var status = await cluster.UntilAsync("sample", s => s.Step == 12);
        Assert.Equal((JobState.Running, 1, 0), (status.State, status.Generation, status.Restarts));
        Assert.Equal(2, Assert.Single((await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers).SlotsInUse);

        var decision = await back.SaveAsync(start, 20);
        Assert.Equal((true, 2), (decision.Committed, decision.Seq));
    }

    [Fact]
    public async Task ARankThatFinishedWhileTheCoordinatorWasAwayIsNotMissing()
    {
        StartRanks start;
        await using (var worker = await cluster.WorkerAsync("w1", 2))
        {
            await cluster.SubmitAsync();
            start = await worker.StartAsync();
            await worker.ReadyAsync(start);
            await worker.FormAsync();
            await cluster.RestartAsync();
        }

        var saving = new RunningRank { JobId = "sample", Generation = 1, Rank = 0, Endpoint = "w1:0", Phase = "checkpoint" };
        var finished = new RankExited { JobId = "sample", Generation = 1, Rank = 1, Outcome = RankOutcome.Completed };
        await using var back = await FakeWorker.ConnectAsync(cluster.Host.Address, "w1", 2, "one", [saving], [finished]);
        Assert.True((await back.SaveAsync(start, 40, "final")).Committed);
        await back.ExitAsync(start, 0, RankOutcome.Completed);
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
            var start = await worker.StartAsync();
            await worker.ReadyAsync(start);
            await worker.FormAsync();
            await worker.SaveAsync(start, 10);
            await cluster.RestartAsync();
        }

        await using var fresh = await cluster.WorkerAsync("w1", 2, "two");
        var next = await fresh.StartAsync();
        Assert.Equal((2, 1), (next.Generation, next.ResumeSeq));
    }

    [Fact]
    public async Task ALostWorkerLeavesItsJobToTheOthers()
    {
        await using var w1 = await cluster.WorkerAsync("w1", 1);
        var w2 = await cluster.WorkerAsync("w2", 1);
        await cluster.SubmitAsync();
        var (start1, start2) = (await w1.StartAsync(), await w2.StartAsync());
        await w1.ReadyAsync(start1);
        await w2.ReadyAsync(start2);
        await w1.FormAsync();

        await w2.DisposeAsync();
        await w1.StopAsync();
        await w1.ExitAsync(start1, 0);
        var next = await w1.StartAsync();
        Assert.Equal((2, 1), (next.Generation, next.WorldSize));
        var states = (await cluster.Workers.ListWorkersAsync(new ListWorkersRequest())).Workers.Select(w => (w.WorkerId, w.State));
        Assert.Equal([("w1", "connected"), ("w2", "lost")], states);
    }

    [Fact]
    public async Task AStopSavesAndTheSameSubmitGoesOn()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        var start = await worker.StartAsync();
        await worker.ReadyAsync(start);
        await worker.FormAsync();
        var stopping = await cluster.Jobs.StopJobAsync(new StopJobRequest { JobId = "sample", Mode = StopMode.Checkpoint });
        Assert.Equal("stopping with a checkpoint", stopping.Reason);
        Assert.Equal(StopRanksMode.Checkpoint, (await worker.StopAsync()).Mode);
        await worker.SaveAsync(start, 7, "preempt");
        await worker.FinishAsync(start, 0, RankOutcome.Stopped, 7);
        await worker.ExitAsync(start, 0, RankOutcome.Stopped);
        Assert.Equal("stopped; step 7 is saved", (await cluster.UntilAsync("sample", JobState.Preempted)).Reason);

        var reply = await cluster.SubmitAsync(Cluster.Yaml(max: 1));
        Assert.Equal(("sample", false, true), (reply.JobId, reply.Created, reply.Resumed));
        var next = await worker.StartAsync();
        Assert.Equal((2, 1, 1), (next.Generation, next.WorldSize, next.ResumeSeq));
    }

    [Fact]
    public async Task ARankOfAJobThatNobodyKnowsIsKilled()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1, "one", new RunningRank { JobId = "ghost", Generation = 3, Rank = 0 });
        var stop = await worker.StopAsync();
        Assert.Equal(("ghost", 3, StopRanksMode.Kill), (stop.JobId, stop.Generation, stop.Mode));
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
        var start = await worker.StartAsync();
        await worker.ReadyAsync(start);
        await worker.FormAsync();
        using var follow = cluster.Jobs.ReadMetrics(new ReadMetricsRequest { JobId = "sample", AfterStep = 1, Follow = true });
        for (var step = 1; step <= 3; step++)
            await worker.ProgressAsync(start, step);
        var steps = new List<long>();
        while (steps.Count < 2 && await follow.ResponseStream.MoveNext(default))
            steps.Add(follow.ResponseStream.Current.Step);
        Assert.Equal([2, 3], steps);

        var batch = new LogBatch();
        batch.Lines.AddRange(Enumerable.Range(1, 5).Select(i => new LogLine { JobId = "sample", Rank = i % 2, Text = $"line {i}" }));
        await worker.SendAsync(new WorkerMessage { LogBatch = batch });
        await worker.SaveAsync(start, 3); // answered after the log was taken
        var lines = await cluster.Jobs.ReadLogs(new ReadLogsRequest { JobId = "sample", Rank = 1, Tail = 2 }).ResponseStream.ReadAllAsync().Select(l => l.Text).ToListAsync();
        Assert.Equal(["line 3", "line 5"], lines);
    }

    [Fact]
    public async Task AWorkerThatLeavesIsNotWaitedFor()
    {
        await using var worker = await cluster.WorkerAsync("w1", 1);
        await cluster.SubmitAsync();
        await worker.ReadyAsync(await worker.StartAsync());
        await worker.FormAsync();
        await worker.LeaveAsync("node goes down");
        var status = await cluster.UntilAsync("sample", JobState.Recovering);
        Assert.Contains(status.Events, e => e.Text == "worker w1 left (node goes down); it ran rank 0");
    }
}
