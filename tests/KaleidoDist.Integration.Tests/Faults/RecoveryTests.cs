using System.Text.Json;
using KaleidoDist.Checkpoints;
using KaleidoDist.TestKit;

namespace KaleidoDist.Integration.Tests;

/// <summary>Ranks and workers that die, hang, join and leave while the others go on from memory, to the bits of the calm run.</summary>
public sealed class RecoveryTests(LongCalmRun calm) : IClassFixture<LongCalmRun>
{
    [Fact]
    public async Task ALostRankALostWorkerAndAHungRankCostNoCheckpointAndNoBit()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1", "w2");
        var node = cluster.StartWorker("w3");
        cluster.StartWorker("w4");
        await cluster.Workers(4);
        var watch = cluster.Submit(run, LongCalmRun.Setting, "workers.max=4");
        await run.Reaches(1, watch);
        await cluster.Status("four ranks train", s => Running(s, ranks: 4));

        var (_, hung) = await cluster.RankOn("w4");
        ProcessControl.TrySignal(hung, ProcessSignal.Stop);
        var status = await cluster.Status("the hung rank is removed", s => Events(s, "KD-W110").Any() && s.GetProperty("generation").GetInt64() == 2);
        Assert.Matches("rank [0-3] on w4 gives no sign of life in the .+ phase of step [0-9]+ \\(its process is stopped\\)", Events(status, "KD-W110").First());
        await Eventually.Holds("the hung rank is ended", () => !ProcessTable.IsAlive(hung), () => $"process {hung} lives");

        var (_, killed) = await cluster.RankOn("w2");
        ProcessControl.TrySignal(killed, ProcessSignal.Kill);
        await cluster.Status("the killed rank is named", s => Events(s, "KD-W101").Any(text => text.Contains("on w2 was killed by SIGKILL", StringComparison.Ordinal)));

        node.Signal(ProcessSignal.Kill);
        await cluster.Status("the lost worker is named", s => Events(s, "KD-W102").Any(text => text.Contains("w3", StringComparison.Ordinal)));

        await watch.Exit("the job's end", expected: 0);
        calm.AssertSameAs(run);
        status = await cluster.Ask("status", "micro");
        Assert.Equal(0, status.GetProperty("restarts").GetInt32());
        Assert.InRange(status.GetProperty("regroups").GetInt32(), 3, 12);
    }

    [Fact]
    public async Task AWorkerJoinsARunningJobAndLeavesItAgainByDrainAndAnotherBySigterm()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1");
        var watch = cluster.Submit(run, LongCalmRun.Setting, "workers.max=3");
        await run.Reaches(1, watch);
        await cluster.Status("one rank trains", s => Running(s, ranks: 1));
        var (member, process) = await cluster.RankOn("w1");

        var second = cluster.StartWorker("w2");
        var third = cluster.StartWorker("w3");
        await cluster.Status("three ranks train", s => Running(s, ranks: 3));
        Assert.Equal((member, process), await cluster.RankOn("w1"));

        await cluster.DrainAsync("w2");
        await second.Exit("the drained worker's end", expected: 0);
        third.Signal(ProcessSignal.Terminate);
        await third.Exit("the terminated worker's end", expected: 0);
        await cluster.Status("one rank goes on", s => Running(s, ranks: 1));
        Assert.Equal((member, process), await cluster.RankOn("w1"));

        await watch.Exit("the job's end", expected: 0);
        calm.AssertSameAs(run);
        var status = await cluster.Ask("status", "micro");
        Assert.Equal(0, status.GetProperty("restarts").GetInt32());
        Assert.Equal([1L, 2L, 3L], run.History.Steps.Select(step => (long)step.WorldSize).Distinct().Order());
    }

    [Fact]
    public async Task TooFewSurvivorsWaitWithTheirStateForAnotherWorker()
    {
        using var run = new MicroRun();
        await using var cluster = await MicroCluster.StartAsync("w1");
        var lost = cluster.StartWorker("w2");
        var watch = cluster.Submit(run, LongCalmRun.Setting, "workers.min=2");
        await run.Reaches(3, watch);
        await cluster.Status("two ranks train", s => Running(s, ranks: 2));
        lost.Signal(ProcessSignal.Kill);
        var status = await cluster.Status("the survivor waits", s => s.GetProperty("reason").GetString()!.StartsWith("waiting for 1 more slot", StringComparison.Ordinal));
        Assert.Matches("waiting for 1 more slot; 1 rank holds step [0-9]+ in memory", status.GetProperty("reason").GetString());

        cluster.StartWorker("w5");
        await watch.Exit("the job's end", expected: 0);
        calm.AssertSameAs(run);
        Assert.Equal(0, (await cluster.Ask("status", "micro")).GetProperty("restarts").GetInt32());
    }

    [Fact]
    public async Task AdaptiveWeightsAndEarlyStoppingComeToTheSameEndThoughARankIsKilledAndAWorkerJoins()
    {
        // Nothing is ever better by so much: the third evaluation after the first is the end.
        string[] settings =
        [
            "training.steps=400", "training.loss_weighting=adaptive", "evaluation.every=50",
            "evaluation.early_stop={ metric: validation.mlm.loss, patience: 3, min_delta: 1000 }", "workers.max=3",
        ];
        using MicroRun undisturbed = new(), run = new();
        await undisturbed.TrainToEnd(exitCode: 0, ["--workers", "2", .. settings.SelectMany(setting => new[] { "--set", setting })]);

        await using var cluster = await MicroCluster.StartAsync("w1", "w2");
        var watch = cluster.Submit(run, settings);
        await run.Reaches(1, watch);
        var (_, killed) = await cluster.RankOn("w2");
        ProcessControl.TrySignal(killed, ProcessSignal.Kill);
        await cluster.Status("the killed rank is named", s => Events(s, "KD-W101").Any());
        cluster.StartWorker("w3");
        await cluster.RankOn("w3");

        await watch.Exit("the job's end", expected: 0);
        Assert.Equal((150L, 150L), (undisturbed.Newest.Step, run.Newest.Step));
        Assert.Equal(undisturbed.Story(), run.Story());
        Assert.Equal(undisturbed.Newest.WeightsXxh128, run.Newest.WeightsXxh128);
        Assert.Equal([0L, 50L, 100L, 150L], run.History.Validations.Select(validation => validation.Step).Distinct());
        Assert.Equal(0, (await cluster.Ask("status", "micro")).GetProperty("restarts").GetInt32());
        Assert.True(run.History.Steps[^1].Generation > 2);
    }

    private static bool Running(JsonElement status, int ranks)
        => status.GetProperty("state").GetString() == "running" && status.GetProperty("world_size").GetInt32() == ranks;

    private static IEnumerable<string> Events(JsonElement status, string code)
        => status.GetProperty("events").EnumerateArray().Where(e => e.GetProperty("code").GetString() == code).Select(e => e.GetProperty("text").GetString()!);
}
