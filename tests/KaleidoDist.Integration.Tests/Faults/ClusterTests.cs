using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Coordinator, workers and users as separate processes, and what happens when one of them is killed.</summary>
[Collection(CalmRunCollection.Name)]
public sealed class ClusterTests(CalmRun calm)
{
    [Fact]
    public async Task RanksKeepSteppingWhileTheCoordinatorIsDeadAndTheNextOneKeepsTheirGeneration()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1", "w2");
        var watch = cluster.Submit(run, "workers.min=2", "workers.hang_timeout=10m");
        await run.Reaches(3, watch);
        var ranks = await RanksOf(cluster);

        await cluster.KillCoordinatorAsync();
        await run.Reaches(run.History.Steps[^1].Step + 3, watch);

        // Held at a step until the new coordinator has been seen to keep them: so this does not race against the job's end.
        ProcessControl.TrySignal(ranks[0], ProcessSignal.Stop);
        await cluster.StartCoordinatorAsync();
        var status = await cluster.Status("both ranks are attached again", s => Events(s).Any(text => text.Contains("kept training while the coordinator was away", StringComparison.Ordinal)));
        Assert.Equal(("running", 1, 2), (Text(status, "state"), Number(status, "generation"), Number(status, "world_size")));
        Assert.Equal(ranks, await RanksOf(cluster));
        ProcessControl.TrySignal(ranks[0], ProcessSignal.Continue);

        await watch.Exit("the job's end, watched over the coordinator's death", expected: 0);
        calm.AssertSameAs(run);
        Assert.All(run.History.Steps, step => Assert.Equal(1, step.Generation));
    }

    [Fact]
    public async Task ARunThatEndsWhileTheCoordinatorIsDeadIsCommittedByTheNextOne()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1", "w2");
        var watch = cluster.Submit(run, "workers.min=2");
        await run.Reaches(3, watch);
        var ranks = await RanksOf(cluster);

        await cluster.KillCoordinatorAsync();
        await run.Reaches(MicroJob.Steps, watch);
        Assert.Empty(run.Checkpoints);
        Assert.All(ranks, rank => Assert.True(ProcessTable.IsAlive(rank))); // nobody leaves before the commit

        await cluster.StartCoordinatorAsync();
        await watch.Exit("the job's end", expected: 0);
        calm.AssertSameAs(run);
        Assert.Equal(1, run.Newest.Generation);
        var status = await cluster.Ask("status", "micro");
        Assert.Equal(("succeeded", 0), (Text(status, "state"), Number(status, "restarts")));
    }

    [Fact]
    public async Task RanksDieWithTheirWorkerAndTheJobGoesOnOnTheOther()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1");
        var doomed = cluster.StartWorker("w2");
        var watch = cluster.Submit(run, "workers.min=1", "checkpoint.every=5");
        await watch.While("the first checkpoint", () => run.Checkpoints is [var first, ..] ? first : null);
        var orphan = Assert.Single(doomed.Children);

        doomed.Signal(ProcessSignal.Kill);
        await Eventually.Holds("its rank dies with it", () => !ProcessTable.IsAlive(orphan), () => $"process {orphan} lives", TimeSpan.FromSeconds(2));
        await watch.Exit("the job's end", expected: 0);

        calm.AssertSameAs(run);
        Assert.Equal((2L, 1), (run.Newest.Generation, run.Newest.WorldSize));
        Assert.Equal((0, 1), ((await cluster.Ask("status", "micro")) is var ended ? (Number(ended, "restarts"), Number(ended, "regroups")) : default));
        // The job may be over before the lost worker's time to come back is.
        (string, string, long)[] workers = [];
        for (var asked = 0; asked < 40 && workers is not [_, (_, "lost", _)]; asked++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250));
            workers = [.. (await cluster.Ask("workers")).EnumerateArray().Select(w => (Text(w, "worker_id"), Text(w, "state"), (long)Number(w, "slots_in_use")))];
        }

        Assert.Equal([("w1", "connected", 0), ("w2", "lost", 0)], workers);
    }

    [Fact]
    public async Task AClusterAnswersItsUsersAndCancelsAJobWithALastCheckpoint()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync();
        var agent = cluster.StartWorker("w1");
        var watch = cluster.Submit(run, "workers.max=1", "workers.hang_timeout=10m");
        await run.Reaches(3, watch);
        var rank = Assert.Single(agent.Children);
        ProcessControl.TrySignal(rank, ProcessSignal.Stop); // the job stays where it is while it is asked about

        var job = Assert.Single((await cluster.Ask("jobs")).EnumerateArray());
        Assert.Equal(("micro", "running", 30), (Text(job, "job_id"), Text(job, "state"), Number(job, "total_steps")));
        var worker = Assert.Single((await cluster.Ask("workers")).EnumerateArray());
        Assert.Equal(("w1", "connected", 1, 1), (Text(worker, "worker_id"), Text(worker, "state"), Number(worker, "slots"), Number(worker, "slots_in_use")));
        var (exitCode, lines, _) = await KaleidoProcess.RunAsync("logs", "micro", "--json", "--coordinator", cluster.Address);
        Assert.Equal(0, exitCode);
        Assert.All(lines, line => Assert.Equal("micro", Text(JsonElement.Parse(line), "job_id")));

        var asked = await cluster.Ask("cancel", "micro");
        Assert.Equal("micro", Text(asked, "job_id"));
        ProcessControl.TrySignal(rank, ProcessSignal.Continue);
        await watch.Exit("the job's end", expected: 1);
        var status = await cluster.Ask("status", "micro");
        Assert.Equal("cancelled", Text(status, "state"));
        Assert.Equal(run.Newest.Step, status.GetProperty("step").GetInt64());
        Assert.Equal(run.Newest.Step, run.History.Steps[^1].Step);
    }

    private static async Task<int[]> RanksOf(MicroCluster cluster)
    {
        var status = await cluster.Status("two ranks with process ids", s => s.GetProperty("ranks").EnumerateArray().Count(r => Number(r, "process_id") > 0) == 2);
        return [.. status.GetProperty("ranks").EnumerateArray().OrderBy(r => Number(r, "rank")).Select(r => Number(r, "process_id"))];
    }

    private static IEnumerable<string> Events(JsonElement status) => status.GetProperty("events").EnumerateArray().Select(e => Text(e, "text"));

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static int Number(JsonElement element, string name) => element.GetProperty(name).GetInt32();
}
