using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>What watchers see between two stored states.</summary>
public sealed class LiveJobTests
{
    private readonly JobScript job = new JobScript().Training("a", "b");
    private readonly LiveJob live;

    public LiveJobTests() => live = new LiveJob(job.State, new JobRules(), new CoordinatorClock(TimeProvider.System));

    [Fact]
    public void ASilentRankIsRemarkedUntilItReportsAgain()
    {
        live.Silence(new RankSilent { Member = 2, Phase = "reduce", Step = 512, SilentSeconds = 3, Stopped = true });
        Assert.Equal("no sign of life for 3 s in the reduce phase of step 512 (its process is stopped)", live.Status().Ranks[1].Remark);
        live.Progress(Step(2, 513));
        Assert.Equal("", live.Status().Ranks[1].Remark);
    }

    [Fact]
    public void ASlowRankBecomesAWarningToTheJobAndARemark()
    {
        for (var step = 1; step <= 40; step++)
        {
            live.Progress(Step(1, step));
            live.Progress(Step(2, step, compute: 3));
        }

        var warning = Assert.IsType<JobCommand.RankWarned>(Assert.Single(live.Watch()));
        Assert.Equal(("KD-W120", "rank 1 on b is 3.0x slower than the median of the ranks (compute) over 30 steps"), (warning.Code, warning.Text));
        Assert.Empty(live.Watch());
        Assert.Equal("is 3.0x slower than the median of the ranks (compute)", live.Status().Ranks[1].Remark);
    }

    [Fact]
    public void ASlowNetworkBecomesAWarningToTheJobAndARemarkOnTheRanksBehindIt()
    {
        var three = new JobScript(spec: JobSamples.Spec(max: 3)).Training("a", "b", "c");
        var shown = new LiveJob(three.State, new JobRules(), new CoordinatorClock(TimeProvider.System));
        for (var step = 1; step <= 40; step++)
        {
            foreach (var rank in shown.Status().Ranks)
            {
                var report = Step(rank.Member, step, compute: rank.VirtualRankCount);
                report.ReduceSeconds = 2;
                report.SentBytes.AddRange([1000, 1000, 1000]);
                report.TravelSeconds.AddRange(rank.Rank == 1 ? [2, 0, 2] : [0.25, 2, 0.25]);
                shown.Progress(report);
            }
        }

        var warning = Assert.IsType<JobCommand.RankWarned>(Assert.Single(shown.Watch()));
        const string Words = "keeps the others waiting: the network there takes 2.00 s a step for what takes 0.25 s between the others (reduce)";
        Assert.Equal((2, "KD-W120", $"rank 1 on b {Words} over 30 steps"), (warning.Member, warning.Code, warning.Text));
        Assert.Equal(["", Words, ""], shown.Status().Ranks.Select(r => r.Remark));
    }

    [Fact]
    public void ARankThatHostsMoreVirtualRanksIsNotSlow()
    {
        // 8 virtual ranks on 5 ranks: 1, 2, 1, 2, 2.
        var five = new JobScript(spec: JobSamples.Spec(max: 5)).Training("a", "b", "c", "d", "e");
        var shown = new LiveJob(five.State, new JobRules(), new CoordinatorClock(TimeProvider.System));
        for (var step = 1; step <= 40; step++)
        {
            foreach (var rank in shown.Status().Ranks)
                shown.Progress(Step(rank.Member, step, compute: rank.VirtualRankCount));
        }

        Assert.Empty(shown.Watch());
    }

    [Fact]
    public void AJoinerIsShownWithoutVirtualRanks()
    {
        live.Publish(job.Granted("c").State);
        var joiner = live.Status().Ranks[2];
        Assert.Equal((true, -1, 3, 0, "starting"), (joiner.Joining, joiner.Rank, joiner.Member, joiner.VirtualRankCount, joiner.Phase));
        Assert.Equal(3, Assert.Single(live.RunningOn("c")).Member);
    }

    [Fact]
    public void TheLastStepOfARankThatLeftIsNotLost()
    {
        live.Progress(Metrics(1, 1, generation: 1));
        live.Publish(job.Do(new JobCommand.WorkerLeaving("a", "maintenance")).Formed(2).State);
        live.Progress(Metrics(1, 2, generation: 1));
        live.Progress(Metrics(1, 9, generation: 1));
        Assert.Equal([1L, 2L], live.MetricsAfter(0).Items.Select(m => m.Step));
    }

    [Fact]
    public void TheFirstStepOfAGenerationIsOneThatWasMade()
    {
        live.Publish(job.Do(new JobCommand.RankExited(2, "b", RankEnding.None, "was killed by SIGKILL", Fatal: false, new RankPlace("compute", 8))).Formed(7).State);
        live.Formed(new RankFormed { Generation = 2, Member = 1, Step = 7 });
        // Forming, and on the way to step 8.
        live.Progress(new RankProgress { Generation = 2, Member = 1, Step = 7, Phase = "forming" });
        live.Progress(new RankProgress { Generation = 2, Member = 1, Step = 8, Phase = "evaluation" });
        Assert.Null(live.Status().LastRegroup.FirstStepAt);
        var step = Step(1, 8);
        step.Generation = 2;
        live.Progress(step);
        Assert.NotNull(live.Status().LastRegroup.FirstStepAt);
    }

    private static RankProgress Step(long member, long step, double compute = 1)
        => new() { Generation = 1, Member = member, Step = step, Phase = "forward", StepSeconds = compute, ComputeSeconds = compute };

    private static RankProgress Metrics(long member, long step, long generation)
        => new() { Generation = generation, Member = member, Step = step, Phase = "forward", Metrics = new StepMetrics { Step = step } };
}
